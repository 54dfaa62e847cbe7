/** Items by a key, in the order in which the keys came. */
export function grouped<T, K>(items: Iterable<T>, key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const of = key(item);
    const members = groups.get(of);
    if (members) members.push(item);
    else groups.set(of, [item]);
  }
  return groups;
}
