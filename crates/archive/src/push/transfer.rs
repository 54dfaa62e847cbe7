//! One object: put there in one step, and checked.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use flightrec_journal::{StorageFile, read_up_to};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, MultipartUpload, ObjectStoreExt as _, PutMultipartOptions, PutOptions,
};
use sha2::{Digest, Sha256};

use super::error::{PushError, TargetFailure};
use super::target::Target;
use crate::error::io;
use crate::hex::hex;

/// Up to this length an object is put with one request.
pub(super) const ONE_REQUEST_BYTES: u64 = 16 << 20;
/// The length of a part of a longer one. All but the last have the same, as some stores require.
const PART_BYTES: usize = 8 << 20;
/// How many parts are under way at once.
const PARTS_AT_ONCE: usize = 4;
/// The attribute that holds the digest an object was put with.
const DIGEST: &str = "sha256";

/// The bytes of an object, before they are put.
pub(super) enum Body {
    /// In memory.
    Memory(Bytes),
    /// In a file of the store.
    File {
        /// The open file: what happens to its name does not matter any more.
        file: Arc<dyn StorageFile>,
        /// What to call it.
        path: String,
        /// How far it was read.
        at: u64,
    },
}

impl Body {
    /// At most so many of the next bytes; none at the end.
    fn take(&mut self, limit: usize) -> Result<Bytes, PushError> {
        match self {
            Self::Memory(bytes) => Ok(bytes.split_to(limit.min(bytes.len()))),
            Self::File { file, path, at } => {
                let mut part = vec![0; limit];
                let read = read_up_to(&**file, &mut part, *at).map_err(io("read", path))?;
                part.truncate(read);
                *at += read as u64;
                Ok(part.into())
            }
        }
    }
}

/// What was said of an object at the target.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) bytes: u64,
    /// The digest that it was put with, if the target keeps such.
    pub(super) sha256: Option<String>,
}

impl Target {
    /// Puts an object. It is there as a whole, or as it was before. `Ok(false)` says that the bytes did not have the
    /// digest that they had to have: nothing was put then.
    pub(super) async fn put(
        &self,
        object: &Path,
        mut body: Body,
        bytes: u64,
        sha256: &[u8; 32],
    ) -> Result<bool, PushError> {
        let mut attributes = Attributes::new();
        if self.keeps_attributes {
            attributes.insert(Attribute::Metadata(DIGEST.into()), hex(sha256).into());
        }
        if bytes > ONE_REQUEST_BYTES {
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            let begun = self.objects().put_multipart_opts(object, options).await;
            let mut upload = begun.map_err(TargetFailure::of("begin to put", object))?;
            let put = put_parts(object, &mut *upload, body, sha256).await;
            if !matches!(put, Ok(true)) {
                // What is left of it is invisible; the first failure is the one to tell.
                let _aborted = upload.abort().await.is_ok();
            }
            return put;
        }
        // One more than there should be, so that a longer file is not taken for the right one.
        let whole = body.take(bytes as usize + 1)?;
        if Sha256::digest(&whole)[..] != *sha256 {
            return Ok(false);
        }
        let options = PutOptions { attributes, ..PutOptions::default() };
        self.objects().put_opts(object, whole.into(), options).await.map_err(TargetFailure::of("put", object))?;
        Ok(true)
    }

    /// Asks what an object is, without its bytes.
    pub(super) async fn ask(&self, object: &Path) -> Result<Said, PushError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let said = self.objects().get_opts(object, options).await.map_err(TargetFailure::of("ask for", object))?;
        let digest = said.attributes.get(&Attribute::Metadata(DIGEST.into()));
        Ok(Said { bytes: said.meta.size, sha256: digest.map(|digest| digest.as_ref().to_owned()) })
    }

    /// The digest of the bytes that the target gives.
    pub(super) async fn digest(&self, object: &Path) -> Result<[u8; 32], PushError> {
        let mut hasher = Sha256::new();
        let got = self.objects().get(object).await.map_err(TargetFailure::of("read", object))?;
        let mut chunks = got.into_stream();
        while let Some(chunk) = chunks.try_next().await.map_err(TargetFailure::of("read", object))? {
            hasher.update(&chunk);
        }
        Ok(hasher.finalize().into())
    }

    /// The objects below a prefix with their lengths.
    pub(super) async fn list(&self, prefix: &Path) -> Result<HashMap<Path, u64>, PushError> {
        let found = self.objects().list(Some(prefix)).map_ok(|meta| (meta.location, meta.size));
        Ok(found.try_collect().await.map_err(TargetFailure::of("list", prefix))?)
    }

    /// Removes objects; that one is gone already is no failure.
    pub(super) async fn remove(&self, objects: &[Path]) -> Result<(), PushError> {
        let locations = stream::iter(objects.to_vec()).map(Ok).boxed();
        let mut removed = self.objects().delete_stream(locations);
        while let Some(result) = removed.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    let first = objects.first().cloned().unwrap_or_default();
                    return Err(TargetFailure::of("remove what is obsolete, beginning with", &first)(error).into());
                }
            }
        }
        Ok(())
    }
}

/// Puts an object part by part, and completes it if it has its digest.
async fn put_parts(
    object: &Path,
    upload: &mut dyn MultipartUpload,
    mut body: Body,
    sha256: &[u8; 32],
) -> Result<bool, PushError> {
    let mut hasher = Sha256::new();
    let parts = std::iter::from_fn(|| body.take(PART_BYTES).map(|part| (!part.is_empty()).then_some(part)).transpose());
    let begun = parts.map(|part| {
        part.map(|part| {
            hasher.update(&part);
            let put = upload.put_part(part.into());
            async move { Ok::<_, PushError>(put.await.map_err(TargetFailure::of("put a part of", object))?) }
        })
    });
    stream::iter(begun).try_buffer_unordered(PARTS_AT_ONCE).try_collect::<()>().await?;
    if hasher.finalize()[..] != *sha256 {
        return Ok(false);
    }
    upload.complete().await.map_err(TargetFailure::of("complete", object))?;
    Ok(true)
}
