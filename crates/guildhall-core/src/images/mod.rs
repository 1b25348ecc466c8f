//! Images: decoded, re-encoded and kept in the database, served under a name made from their content.

mod codec;

use guildhall_db::statements;
use guildhall_types::ErrorCode;
use guildhall_types::ids::{DeploymentId, ImageId};
use sha2::{Digest, Sha256};

use crate::guildhall::Guildhall;
use crate::refusal::Refusal;
use crate::scope::{ReadTx, WriteTx};

statements! {
    INSERT = "INSERT INTO images (deployment_id, id, owner_id, name, content_type, content, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    DELETE = "DELETE FROM images WHERE deployment_id = ?1 AND id = ?2";
    FIND = "SELECT content_type, content FROM images WHERE deployment_id = ?1 AND id = ?2 AND name = ?3";
}

/// Characters of the hash that an image is named by.
const NAME_HASH_CHARS: usize = 32;

/// An image that is stored, as its owner's row names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageRef {
    pub(crate) id: ImageId,
    pub(crate) name: String,
}

/// An image that is ready to be stored.
#[derive(Clone, Debug)]
pub(crate) struct PreparedImage {
    name: String,
    content_type: &'static str,
    content: Vec<u8>,
}

/// What an update does with an image.
#[derive(Debug)]
pub(crate) enum ImagePatch {
    /// Leave it.
    Keep,
    /// Remove it.
    Remove,
    /// Store this one in its place.
    Set(PreparedImage),
}

/// An image as it is served.
#[derive(Debug)]
pub struct ServedImage {
    /// Its media type, one of those that this server writes itself.
    pub content_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Decodes and re-encodes an upload; an empty part is no image (wire contract, section 22).
pub(crate) fn prepare(
    field: &str,
    upload: Option<Vec<u8>>,
) -> Result<Option<PreparedImage>, Refusal> {
    let Some(bytes) = upload.filter(|bytes| !bytes.is_empty()) else {
        return Ok(None);
    };
    let image = codec::normalise_image(&bytes)
        .map_err(|error| Refusal::field(ErrorCode::InvalidImage, field, error.to_string()))?;
    let mut hash = hex::encode(Sha256::digest(&image.bytes));
    hash.truncate(NAME_HASH_CHARS);
    Ok(Some(PreparedImage {
        name: format!("{hash}.{}", image.extension),
        content_type: image.content_type,
        content: image.bytes,
    }))
}

/// Stores an image for its new owner.
pub(crate) fn store(
    tx: &WriteTx<'_>,
    owner: i64,
    image: Option<&PreparedImage>,
) -> Result<Option<ImageRef>, Refusal> {
    let Some(image) = image else { return Ok(None) };
    let id = tx.ids.next(ImageId::new)?;
    let deployment = tx.deployment.id();
    let PreparedImage {
        name,
        content_type,
        content,
    } = image;
    tx.sql.exec_exactly(
        1,
        &INSERT,
        &[
            &deployment,
            &id,
            &owner,
            name,
            content_type,
            content,
            &tx.now,
        ],
    )?;
    Ok(Some(ImageRef {
        id,
        name: name.clone(),
    }))
}

/// Does what an update asks for and tells which image there is afterwards; the same image again is kept.
pub(crate) fn replace(
    tx: &WriteTx<'_>,
    owner: i64,
    current: Option<&ImageRef>,
    patch: &ImagePatch,
) -> Result<Option<ImageRef>, Refusal> {
    let new = match patch {
        ImagePatch::Keep => return Ok(current.cloned()),
        ImagePatch::Remove => None,
        ImagePatch::Set(image) if current.is_some_and(|old| old.name == image.name) => {
            return Ok(current.cloned());
        }
        ImagePatch::Set(image) => Some(image),
    };
    if let Some(old) = current {
        tx.sql
            .exec_exactly(1, &DELETE, &[&tx.deployment.id(), &old.id])?;
    }
    store(tx, owner, new)
}

/// The absolute address of an image; empty where there is none.
pub(crate) fn url(tx: &ReadTx<'_>, image: Option<&ImageRef>) -> String {
    image.map_or_else(String::new, |image| {
        format!(
            "{}/images/{}/{}/{}",
            tx.public_url,
            tx.deployment.id(),
            image.id,
            image.name
        )
    })
}

/// The image with this address. It is public: whoever has the address, which nobody can guess, may see it.
pub async fn fetch(
    guildhall: &Guildhall,
    deployment: DeploymentId,
    id: ImageId,
    name: String,
) -> Result<ServedImage, Refusal> {
    let found = guildhall.inner.db.point(move |sql| {
        sql.one(&FIND, &[&deployment, &id, &name], |row| {
            Ok::<_, Refusal>(ServedImage {
                content_type: row.get(0)?,
                content: row.get(1)?,
            })
        })
    });
    found
        .await?
        .ok_or_else(|| Refusal::plain(ErrorCode::ImageNotFound))
}
