//! Buffer's encodings.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};

/// As Node decodes: padding or none, odd last bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// Bytes as text; an unknown encoding is UTF-8, whose wrong bytes become U+FFFD.
pub(super) fn encode(bytes: &[u8], encoding: &str) -> String {
    match encoding {
        "base64" => general_purpose::STANDARD.encode(bytes),
        "base64url" => general_purpose::URL_SAFE_NO_PAD.encode(bytes),
        "hex" => hex::encode(bytes),
        "latin1" => bytes.iter().map(|byte| char::from(*byte)).collect(),
        "ascii" => bytes.iter().map(|byte| char::from(*byte & 0x7f)).collect(),
        "utf16le" => {
            let units = bytes.as_chunks::<2>().0;
            let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Text as bytes; what does not belong to the encoding is left out, as Node does.
pub(super) fn decode(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "base64" | "base64url" => base64(text),
        "hex" => unhex(text),
        // The low byte of each UTF-16 unit.
        "latin1" | "ascii" => text
            .encode_utf16()
            .map(|unit| unit.to_le_bytes()[0])
            .collect(),
        "utf16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

/// Either alphabet, up to the first padding.
fn base64(text: &str) -> Vec<u8> {
    let clean = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let text = text.split('=').next().unwrap_or_default();
    let mut digits: Vec<u8> = text.bytes().filter(clean).collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    for digit in &mut digits {
        match digit {
            b'-' => *digit = b'+',
            b'_' => *digit = b'/',
            _ => {}
        }
    }
    STANDARD_LENIENT.decode(digits).unwrap_or_default()
}

/// Pairs of digits up to the first that is none.
fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map_while(|pair| hex::decode(pair).ok())
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn bytes_survive_their_encodings() {
        let bytes: Vec<u8> = (0..=255).collect();
        for encoding in ["base64", "base64url", "hex", "latin1"] {
            let text = encode(&bytes, encoding);
            assert_eq!(decode(&text, encoding), bytes, "{encoding}");
        }
    }

    #[test]
    fn decoding_is_as_lenient_as_that_of_node() {
        assert_eq!(decode("aGk=", "base64"), b"hi");
        assert_eq!(decode("aG k", "base64"), b"hi");
        assert_eq!(decode("_-8", "base64"), [0xff, 0xef]);
        assert_eq!(decode("abc", "hex"), [0xab]);
        assert_eq!(decode("abxx12", "hex"), [0xab]);
    }
}
