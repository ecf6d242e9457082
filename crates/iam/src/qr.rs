//! The picture that an authenticator app reads: a QR code as PNG.

use std::io::Write;

use crate::error::{Fail, internal};

/// Pixels per module, and modules of white around the code (ISO/IEC 18004 asks for four).
const SCALE: usize = 4;
const QUIET: usize = 4;

/// `text` as a QR code in PNG: one bit per pixel, black on white.
pub(crate) fn png(text: &str) -> Result<Vec<u8>, Fail> {
    let code = qrcode::QrCode::new(text).map_err(|e| internal(format!("no QR code of this length: {e}")))?;
    let modules = code.width();
    let side = (modules + 2 * QUIET) * SCALE;
    let dark = |x: usize, y: usize| {
        let at = |pixel: usize| (pixel / SCALE).checked_sub(QUIET).filter(|module| *module < modules);
        at(x).zip(at(y)).is_some_and(|at| code[at] == qrcode::Color::Dark)
    };
    let mut rows = Vec::with_capacity(side * (side / 8 + 1));
    for y in 0..side {
        rows.push(0); // no filter
        // `side` is a multiple of four: the last byte may be half a byte.
        for x in (0..side).step_by(8) {
            let white = |bit: usize| x + bit < side && !dark(x + bit, y);
            rows.push((0..8).fold(0u8, |byte, bit| byte << 1 | u8::from(white(bit))));
        }
    }
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let pixels = deflate.write_all(&rows).and_then(|()| deflate.finish());
    let pixels = pixels.map_err(|e| internal(format!("the picture cannot be compressed: {e}")))?;
    let side = u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes();
    let mut header = [side, side].concat();
    header.extend([1, 0, 0, 0, 0]); // bits per pixel, greyscale, deflate, adaptive filters, not interlaced
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", Vec::new())] {
        let body = [&kind[..], &data].concat();
        out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(&body);
        out.extend(crc32fast::hash(&body).to_be_bytes());
    }
    Ok(out)
}
