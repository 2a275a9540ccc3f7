//! Content encodings of static files.

use std::io::Write;

use actix_web::http::header::{self, AcceptEncoding};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// How the bytes of a file are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As published.
    Identity,
    /// Brotli.
    Brotli,
    /// Zstandard.
    Zstd,
    /// gzip.
    Gzip,
}

/// How much work a smaller body is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// It is made for one answer.
    Once,
    /// It is kept and sent many times.
    Kept,
}

// === impl Encoding ===

impl Encoding {
    /// All that make a file smaller.
    pub const COMPRESSED: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// As in `Content-Encoding`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The best encoding that a caller takes; quality values are honoured.
    pub fn negotiate(accepted: Option<&AcceptEncoding>) -> Self {
        let Some(accepted) = accepted else {
            return Self::Identity;
        };
        let offered = [
            header::Encoding::brotli(),
            header::Encoding::zstd(),
            header::Encoding::gzip(),
            header::Encoding::identity(),
        ];
        let chosen = accepted.negotiate(offered.iter());
        Self::COMPRESSED
            .into_iter()
            .zip(&offered)
            .find(|(_, offer)| chosen.as_ref() == Some(*offer))
            .map_or(Self::Identity, |(encoding, _)| encoding)
    }

    /// The bytes in this encoding; `None` when that cannot be done.
    pub(crate) async fn compress(self, body: Bytes, effort: Effort) -> Option<Bytes> {
        if self == Self::Identity {
            return None;
        }
        tokio::task::spawn_blocking(move || self.compressed(&body, effort))
            .await
            .ok()
            .flatten()
    }

    /// The bytes in this encoding, made on the caller's thread: for small files only.
    pub(crate) fn compressed(self, body: &[u8], effort: Effort) -> Option<Bytes> {
        let (brotli, zstd, gzip) = match effort {
            Effort::Once => (4, 3, Compression::new(4)),
            Effort::Kept => (9, 12, Compression::best()),
        };
        let mut compressed = Vec::with_capacity(body.len() / 2);
        match self {
            Self::Identity => return None,
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: brotli,
                    size_hint: body.len(),
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &*body, &mut compressed, &parameters).ok()?;
            }
            Self::Zstd => compressed = zstd::bulk::compress(body, zstd).ok()?,
            Self::Gzip => {
                let mut encoder = GzEncoder::new(&mut compressed, gzip);
                encoder.write_all(body).ok()?;
                encoder.finish().ok()?;
            }
        }
        Some(Bytes::from(compressed))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::Header, test::TestRequest};

    use super::*;

    fn negotiated(text: &'static str) -> Encoding {
        let request = TestRequest::default()
            .insert_header(("accept-encoding", text))
            .to_http_request();
        Encoding::negotiate(AcceptEncoding::parse(&request).ok().as_ref())
    }

    #[test]
    fn quality_values_are_honoured() {
        for (header, expected) in [
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("br;q=0, gzip", Encoding::Gzip),
            ("zstd;q=1.0, br;q=0.5", Encoding::Zstd),
            ("identity", Encoding::Identity),
            ("deflate", Encoding::Identity),
        ] {
            assert_eq!(negotiated(header), expected, "{header}");
        }
    }

    #[test]
    fn every_encoding_holds_the_same_bytes() {
        use std::io::Read;

        let body = "abcdefgh".repeat(1000).into_bytes();
        let of = |encoding: Encoding| encoding.compressed(&body, Effort::Once).unwrap();

        let mut text = Vec::new();
        brotli::Decompressor::new(&*of(Encoding::Brotli), 4096)
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, body);
        assert_eq!(
            zstd::bulk::decompress(&of(Encoding::Zstd), body.len()).unwrap(),
            body
        );
        let mut text = Vec::new();
        let gzip = of(Encoding::Gzip);
        flate2::bufread::GzDecoder::new(&*gzip)
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, body);
    }
}
