//! The order of a push: plan, artifacts, segments, manifest, and only then what is obsolete.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flightrec_journal::{Storage, StoreId};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use sha2::{Digest, Sha256};

use super::error::{ContentError, PushError};
use super::layout::Layout;
use super::plan::{Plan, Wanted, What};
use super::published::Published;
use super::source::{Content, Contents};
use super::target::Target;
use super::transfer::{Body, ONE_REQUEST_BYTES};
use crate::hex::{hex, unhex};
use crate::manifest::Manifest;
use crate::segment::Segment;

/// How many objects are under way at once, if they are short.
const OBJECTS_AT_ONCE: usize = 8;
/// How often the store may change under a push before it gives up.
const ATTEMPTS: usize = 3;

/// A store, ready to be pushed.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    /// The files of the store.
    pub storage: &'a dyn Storage,
    /// The store.
    pub store: StoreId,
    /// Its artifacts; `None` leaves those at the target as they are.
    pub contents: Option<&'a dyn Contents>,
}

/// How to push.
#[derive(Debug, Clone, Copy, Default)]
pub struct PushOptions {
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// Reads every object back and compares its digest, what is there already too; that is put again if it differs.
    pub verify: bool,
}

/// How far a push is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What was put or compared.
    pub done_bytes: u64,
    /// What there is to be put or compared, so far as it is known.
    pub total_bytes: u64,
    /// The last object.
    pub object: &'a str,
}

/// What a push did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pushed {
    /// The generation of the manifest that is in force at the target; 0 if nothing was ever sealed.
    pub generation: u64,
    /// The position behind the last segment: what comes from there on is in the journal.
    pub next_seq: u64,
    /// Segments that were put.
    pub segments_put: u64,
    /// Segments that were there.
    pub segments_there: u64,
    /// Artifacts that were put.
    pub artifacts_put: u64,
    /// Artifacts that were there.
    pub artifacts_there: u64,
    /// The bytes of both that were put.
    pub bytes_put: u64,
    /// Objects that were removed, because the new manifest does not name them.
    pub removed: u64,
    /// Artifacts that are gone here although events name them. They were left at the target.
    pub missing_here: u64,
}

impl Push<'_> {
    /// Brings the target in line with the store. When this returns, the manifest there is the store's.
    ///
    /// # Errors
    /// [`PushError`]; the same push again goes on where this one stopped.
    pub async fn run(
        &self,
        target: &Target,
        options: PushOptions,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Pushed, PushError> {
        let mut attempt = 1;
        loop {
            let manifest = Manifest::load(self.storage, self.store)?;
            let layout = Layout::new(target.prefix(), self.store);
            let once = Once { push: self, target, layout, options, progress, done_bytes: AtomicU64::new(0) };
            match once.run(&manifest).await {
                // Retention may have replaced a segment before it was opened.
                Err(error)
                    if error.is_gone()
                        && attempt < ATTEMPTS
                        && Manifest::load(self.storage, self.store)?.generation() != manifest.generation() =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

/// A push of one state of the store.
struct Once<'a> {
    push: &'a Push<'a>,
    target: &'a Target,
    layout: Layout,
    options: PushOptions,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
    done_bytes: AtomicU64,
}

impl Once<'_> {
    async fn run(&self, manifest: &Manifest) -> Result<Pushed, PushError> {
        let before = self.published().await?;
        self.check_order(manifest, before.as_ref())?;
        let origin = manifest.origin().seq.get();
        let mut pushed = Pushed { generation: manifest.generation(), next_seq: origin, ..Pushed::default() };
        if manifest.segments().is_empty() && before.is_none() {
            return Ok(pushed);
        }
        let segments = self.segments(manifest, before.as_ref())?;
        let paths = segments.iter().map(|wanted| self.layout.relative(&wanted.object)).collect();
        let next = Published::new(self.push.store, manifest, paths);
        let mut there = self.target.list(&self.layout.events()).await?;
        let mut wanted = segments;
        if let Some(contents) = self.push.contents {
            // They are listed behind the manifest: what its events name is among them.
            let list = contents.list().map_err(PushError::Contents)?;
            wanted.extend(list.into_iter().map(|content| Wanted {
                object: self.layout.artifact(&content.sha256),
                what: What::Artifact(content),
                is_vouched: true,
            }));
            there.extend(self.target.list(&self.layout.artifacts()).await?);
        }
        let mut plan = Plan::new(wanted, there, self.options.verify);
        self.settle_doubts(&mut plan).await?;
        self.keep_named(&mut plan, &mut pushed)?;
        pushed.count(&plan);
        if self.options.dry_run {
            return Ok(pushed);
        }
        self.put_all(plan.put).await?;
        self.publish(before.as_ref(), &next).await?;
        self.target.remove(&plan.obsolete).await?;
        Ok(pushed)
    }

    async fn published(&self) -> Result<Option<Published>, PushError> {
        Ok(Published::load(self.target.objects(), self.target.prefix(), self.push.store).await?)
    }

    /// An older or another copy of a store must not take the place of what was published.
    fn check_order(&self, manifest: &Manifest, before: Option<&Published>) -> Result<(), PushError> {
        let Some(before) = before else { return Ok(()) };
        let object = self.layout.manifest().to_string();
        let (found, here) = (before.generation, manifest.generation());
        if found > here {
            return Err(PushError::OlderCopy { object, found, here });
        }
        let is_same = before.segments.iter().map(|segment| &segment.entry).eq(manifest.segments());
        if (found == here && !is_same) || !self.goes_on(manifest, before)? {
            return Err(PushError::Diverged { object });
        }
        Ok(())
    }

    /// Whether the store's log goes on from what was published: the last link proves all before it.
    fn goes_on(&self, manifest: &Manifest, before: &Published) -> Result<bool, PushError> {
        let origin = manifest.origin();
        let Some(last) = before.next_seq.before().filter(|_| before.next_seq < origin.seq) else {
            return Ok(before.next_seq == origin.seq && before.chain == origin.chain);
        };
        match manifest.segments().iter().find(|entry| (entry.first_seq..=entry.last_seq).contains(&last)) {
            // Retention has forgotten all of it since.
            None => Ok(true),
            Some(entry) if entry.last_seq == last => Ok(entry.chain_end == before.chain),
            Some(entry) => {
                let segment = Segment::open(self.push.storage, self.push.store, entry)?;
                Ok(segment.link_at(last) == Some(before.chain))
            }
        }
    }

    /// The objects of the segments, in the order of the manifest.
    fn segments(&self, manifest: &Manifest, before: Option<&Published>) -> Result<Vec<Wanted>, PushError> {
        let known: HashMap<&str, _> =
            before.iter().flat_map(|before| &before.segments).map(|segment| (&*segment.entry.file, segment)).collect();
        let wanted = manifest.segments().iter().map(|entry| {
            let published = known.get(&*entry.file).filter(|segment| segment.entry == *entry);
            let object = if let Some(object) = published.and_then(|segment| self.layout.absolute(&segment.path)) {
                object
            } else {
                let segment = Segment::open(self.push.storage, self.push.store, entry)?;
                self.layout.segment(&entry.file, segment.blocks().first())
            };
            Ok(Wanted { object, what: What::Segment(entry.clone()), is_vouched: published.is_some() })
        });
        wanted.collect()
    }

    /// Finds out what of the doubtful is there by content; the rest is put.
    async fn settle_doubts(&self, plan: &mut Plan) -> Result<(), PushError> {
        let total_bytes = plan.doubtful.iter().map(Wanted::bytes).sum();
        self.done_bytes.store(0, Ordering::Relaxed);
        let doubtful = std::mem::take(&mut plan.doubtful);
        let compared = stream::iter(doubtful).map(|wanted| async {
            let is_there = self.is_there(&wanted).await?;
            self.step(&wanted, total_bytes);
            Ok::<_, PushError>((wanted, is_there))
        });
        let compared: Vec<_> = compared.buffered(OBJECTS_AT_ONCE).try_collect().await?;
        let (there, put): (Vec<_>, Vec<_>) = compared.into_iter().partition(|(_, is_there)| *is_there);
        plan.there.extend(there.into_iter().map(|(wanted, _)| wanted));
        plan.put.extend(put.into_iter().map(|(wanted, _)| wanted));
        // Still artifacts before segments.
        plan.put.sort_by_key(Wanted::is_segment);
        Ok(())
    }

    /// Whether an object of the right name and length has the right content.
    async fn is_there(&self, wanted: &Wanted) -> Result<bool, PushError> {
        let sha256 = match &wanted.what {
            What::Segment(entry) => entry.sha256,
            What::Artifact(content) => match self.read(content)? {
                Some(bytes) => Sha256::digest(&bytes).into(),
                None => return Ok(true),
            },
        };
        if !self.options.verify
            && let Some(put_with) = self.target.ask(&wanted.object).await?.sha256
        {
            return Ok(put_with == hex(&sha256));
        }
        Ok(self.target.digest(&wanted.object).await? == sha256)
    }

    /// Takes from what is to be removed the artifacts that events still name: they are lost here, not forgotten.
    fn keep_named(&self, plan: &mut Plan, pushed: &mut Pushed) -> Result<(), PushError> {
        let Some(contents) = self.push.contents else { return Ok(()) };
        let artifacts = self.layout.artifacts();
        let name = |object: &Path| unhex::<32>(object.filename()?).filter(|_| object.prefix_matches(&artifacts));
        if !plan.obsolete.iter().any(|object| name(object).is_some()) {
            return Ok(());
        }
        let named = contents.named().map_err(PushError::Contents)?;
        let is_named = |sha256| named.as_ref().is_none_or(|named| named.contains(&sha256));
        let before = plan.obsolete.len();
        plan.obsolete.retain(|object| name(object).is_none_or(|sha256| !is_named(sha256)));
        pushed.missing_here = (before - plan.obsolete.len()) as u64;
        Ok(())
    }

    /// Puts objects: short ones several at a time, long ones after one another, artifacts before segments.
    async fn put_all(&self, put: Vec<Wanted>) -> Result<(), PushError> {
        let total_bytes = put.iter().map(Wanted::bytes).sum();
        self.done_bytes.store(0, Ordering::Relaxed);
        let (segments, artifacts): (Vec<_>, Vec<_>) = put.into_iter().partition(Wanted::is_segment);
        for group in [artifacts, segments] {
            let (short, long): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|wanted| wanted.bytes() <= ONE_REQUEST_BYTES);
            for (group, at_once) in [(short, OBJECTS_AT_ONCE), (long, 1)] {
                let put = stream::iter(group).map(|wanted| self.put(wanted, total_bytes));
                put.buffer_unordered(at_once).try_collect::<()>().await?;
            }
        }
        Ok(())
    }

    async fn put(&self, wanted: Wanted, total_bytes: u64) -> Result<(), PushError> {
        let object = &wanted.object;
        let (body, sha256) = match &wanted.what {
            What::Artifact(content) => {
                let Some(bytes) = self.read(content)? else { return Ok(()) };
                let sha256: [u8; 32] = Sha256::digest(&bytes).into();
                (Body::Memory(Bytes::from(bytes)), sha256)
            }
            What::Segment(entry) => {
                let file = Segment::open(self.push.storage, self.push.store, entry)?.file;
                (Body::File { file: file.file.clone(), path: file.path.clone(), at: 0 }, entry.sha256)
            }
        };
        if !self.target.put(object, body, wanted.bytes(), &sha256).await? {
            return Err(self.changed(&wanted));
        }
        let said = self.target.ask(object).await?;
        if said.bytes != wanted.bytes() {
            let (found, expected) = (said.bytes, wanted.bytes());
            return Err(PushError::WrongSize { object: object.to_string(), found, expected });
        }
        let is_wrong = said.sha256.is_some_and(|put_with| put_with != hex(&sha256))
            || (self.options.verify && self.target.digest(object).await? != sha256);
        if is_wrong {
            return Err(PushError::WrongContent { object: object.to_string() });
        }
        self.step(&wanted, total_bytes);
        Ok(())
    }

    /// What is wrong when the bytes here do not have the digest that they should have.
    fn changed(&self, wanted: &Wanted) -> PushError {
        match &wanted.what {
            What::Segment(entry) => match Segment::open(self.push.storage, self.push.store, entry) {
                Ok(segment) => segment.damaged("its bytes do not have their digest", "somewhere".to_owned()).into(),
                Err(error) => error.into(),
            },
            What::Artifact(content) => {
                let source = ContentError::Damaged("it changed while it was read".into());
                PushError::Content { name: hex(&content.sha256), source }
            }
        }
    }

    /// The file of an artifact; `None` if retention has removed it meanwhile.
    fn read(&self, content: &Content) -> Result<Option<Vec<u8>>, PushError> {
        let Some(contents) = self.push.contents else { return Ok(None) };
        match contents.read(&content.sha256) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ContentError::Gone) => Ok(None),
            Err(source) => Err(PushError::Content { name: hex(&content.sha256), source }),
        }
    }

    /// Replaces the manifest at the target, in one step, and reads it back.
    async fn publish(&self, before: Option<&Published>, next: &Published) -> Result<(), PushError> {
        let object = self.layout.manifest();
        let now = self.published().await?;
        if now.as_ref() != before {
            return Err(PushError::Raced { object: object.to_string() });
        }
        if before == Some(next) {
            return Ok(());
        }
        let bytes = Bytes::from(next.to_bytes());
        let (len, sha256) = (bytes.len() as u64, Sha256::digest(&bytes).into());
        let is_put = self.target.put(&object, Body::Memory(bytes), len, &sha256).await?;
        if !is_put || self.published().await?.as_ref() != Some(next) {
            return Err(PushError::WrongContent { object: object.to_string() });
        }
        Ok(())
    }

    fn step(&self, wanted: &Wanted, total_bytes: u64) {
        let bytes = wanted.bytes();
        let done_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.progress)(Progress { done_bytes, total_bytes, object: wanted.object.as_ref() });
    }
}

impl Pushed {
    fn count(&mut self, plan: &Plan) {
        for (group, segments, artifacts) in [
            (&plan.put, &mut self.segments_put, &mut self.artifacts_put),
            (&plan.there, &mut self.segments_there, &mut self.artifacts_there),
        ] {
            *segments = group.iter().filter(|wanted| wanted.is_segment()).count() as u64;
            *artifacts = group.len() as u64 - *segments;
        }
        self.bytes_put = plan.put.iter().map(Wanted::bytes).sum();
        self.removed = plan.obsolete.len() as u64;
    }
}
