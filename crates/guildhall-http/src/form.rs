//! Multipart forms: named texts, and files.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use guildhall_types::ErrorCode;
use guildhall_types::limits::FORM_FIELDS_MAX;
use sha2::{Digest, Sha256};

use crate::change::{Content, invalid_field};
use crate::problem::ProblemResponse;

/// The fields of a form, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(BTreeMap<String, Bytes>);

impl Content for Form {
    async fn read(
        headers: &HeaderMap,
        body: Bytes,
        hash: &mut Sha256,
    ) -> Result<Self, ProblemResponse> {
        let form = Self::parse(headers, body).await?;
        // Not the bytes of the body: a client that repeats a request draws a new boundary.
        for (name, value) in &form.0 {
            for part in [name.as_bytes(), value] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        Ok(form)
    }
}

impl Form {
    async fn parse(headers: &HeaderMap, body: Bytes) -> Result<Self, ProblemResponse> {
        let declared = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let boundary = multer::parse_boundary(declared.unwrap_or_default()).map_err(|_| {
            let message = "send the body as `content-type: multipart/form-data` with a boundary";
            ProblemResponse::new(ErrorCode::UnsupportedMediaType, message)
        })?;
        // The Rust SDK sends an empty form as no bytes at all (wire contract, section 1.5).
        if body.is_empty() {
            return Ok(Self::default());
        }
        let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
        let mut multipart = multer::Multipart::new(stream, boundary);
        let mut fields = BTreeMap::new();
        while let Some(field) = multipart
            .next_field()
            .await
            .map_err(|error| malformed(&error))?
        {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(|error| malformed(&error))?;
            if fields.len() >= FORM_FIELDS_MAX {
                let message = format!("a form may have at most {FORM_FIELDS_MAX} fields");
                return Err(ProblemResponse::new(ErrorCode::MalformedBody, message));
            }
            if fields.insert(name.clone(), value).is_some() {
                return Err(invalid_field(&name, "is there twice"));
            }
        }
        Ok(Self(fields))
    }

    /// Takes a text; absent is `None`.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, ProblemResponse> {
        let Some(value) = self.0.remove(name) else {
            return Ok(None);
        };
        match String::from_utf8(value.into()) {
            Ok(text) if text.contains('\0') => {
                Err(invalid_field(name, "must not contain the character U+0000"))
            }
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(invalid_field(name, "must be UTF-8")),
        }
    }

    /// Takes a file, whatever type it was declared as; absent is `None`.
    pub(crate) fn file(&mut self, name: &str) -> Option<Vec<u8>> {
        self.0.remove(name).map(Into::into)
    }
}

fn malformed(error: &multer::Error) -> ProblemResponse {
    ProblemResponse::new(
        ErrorCode::MalformedBody,
        format!("the form cannot be read: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    async fn read(body: &'static [u8]) -> Result<Form, ProblemResponse> {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("multipart/form-data; boundary=b");
        headers.insert(header::CONTENT_TYPE, kind);
        Form::parse(&headers, Bytes::from_static(body)).await
    }

    #[tokio::test]
    async fn a_form_is_texts_and_files() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAcme\r\n--b\r\n\
            Content-Disposition: form-data; name=\"image\"; filename=\"x\"\r\nContent-Type: a/b\r\n\r\n\x00\xff\r\n--b--\r\n";
        let mut form = read(body).await.unwrap();
        assert_eq!(form.text("name").unwrap().as_deref(), Some("Acme"));
        assert_eq!(form.file("image").as_deref(), Some(&b"\x00\xff"[..]));
        assert_eq!(form.text("description").unwrap(), None);
    }

    #[tokio::test]
    async fn both_sdks_send_an_empty_form_in_their_own_way() {
        assert!(read(b"").await.unwrap().0.is_empty());
        assert!(read(b"--b--\r\n").await.unwrap().0.is_empty());
    }

    #[tokio::test]
    async fn a_broken_form_is_refused() {
        for body in [
            &b"--b\r\nContent-Disp"[..],
            b"nonsense",
            b"--b\r\n\r\nx\r\n",
        ] {
            assert_eq!(
                read(body).await.unwrap_err().code(),
                ErrorCode::MalformedBody
            );
        }
        let twice = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
            Content-Disposition: form-data; name=\"a\"\r\n\r\n2\r\n--b--\r\n";
        assert_eq!(
            read(twice).await.unwrap_err().message(),
            "`a` is there twice"
        );
    }
}
