//! Which sessions the conditions of a query leave, where they say it with literals.

use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// The values that a text column may have under all of these conditions; `None` if they do not say.
pub(crate) fn values_of(column: &str, conditions: &[Expr]) -> Option<Vec<String>> {
    let mut sets = conditions.iter().filter_map(|condition| values(column, condition));
    let first = sets.next()?;
    Some(sets.fold(first, |kept, set| kept.into_iter().filter(|value| set.contains(value)).collect()))
}

fn values(column: &str, condition: &Expr) -> Option<Vec<String>> {
    if let Expr::InList(list) = condition {
        let known = !list.negated && is_column(column, &list.expr);
        return list.list.iter().map(literal).collect::<Option<_>>().filter(|_| known);
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
    if *op == Operator::Eq {
        let value = if is_column(column, left) { literal(right) } else { literal(left) };
        let known = is_column(column, left) || is_column(column, right);
        return value.filter(|_| known).map(|value| vec![value]);
    }
    let (left, right) = (values(column, left), values(column, right));
    if *op == Operator::Or {
        return left.zip(right).map(|(left, right)| [left, right].concat());
    }
    if *op != Operator::And {
        return None;
    }
    match (left, right) {
        (Some(left), Some(right)) => Some(left.into_iter().filter(|value| right.contains(value)).collect()),
        (left, right) => left.or(right),
    }
}

fn is_column(name: &str, expression: &Expr) -> bool {
    matches!(expression, Expr::Column(column) if column.name == name)
}

fn literal(expression: &Expr) -> Option<String> {
    if let Expr::Literal(value, _) = expression { value.try_as_str().flatten().map(str::to_owned) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    #[test]
    fn what_conditions_leave() {
        let id = || col("session_id");
        for (conditions, expected) in [
            (vec![id().eq(lit("a"))], Some(vec!["a"])),
            (vec![lit("a").eq(id())], Some(vec!["a"])),
            (vec![id().in_list(vec![lit("a"), lit("b")], false)], Some(vec!["a", "b"])),
            (vec![id().eq(lit("a")).or(id().eq(lit("b")))], Some(vec!["a", "b"])),
            (vec![id().eq(lit("a")).and(col("role").eq(lit("x")))], Some(vec!["a"])),
            (vec![id().eq(lit("a")), id().eq(lit("b"))], Some(vec![])),
            (vec![id().eq(lit("a")).or(col("role").eq(lit("x")))], None),
            (vec![id().in_list(vec![lit("a")], true)], None),
            (vec![id().not_eq(lit("a"))], None),
            (vec![id().eq(col("role"))], None),
            (vec![col("role").eq(lit("a"))], None),
            (vec![], None),
        ] {
            let expected = expected.map(|values: Vec<&str>| values.into_iter().map(str::to_owned).collect());
            assert_eq!(values_of("session_id", &conditions), expected, "{conditions:?}");
        }
    }
}
