//! Framings that are near to another: those for which it is taken by mistake.

use super::length::{Length, Varint};
use super::{Announced, Framing, Kind};
use alloc::vec::Vec;

impl Framing {
    /// Returns a framing near to this one in which these bytes are just one frame.
    pub(crate) fn near_to_frame(&self, bytes: &[u8]) -> Option<Self> {
        let is_frame = |near: &Announced| match near.header(bytes, self.longest()) {
            Ok(Some(header)) => header.len.checked_add(header.rest) == Some(bytes.len()),
            _ => false,
        };
        self.near().into_iter().find(is_frame).map(|near| self.but(near))
    }

    /// Returns a framing near to this one in which these bytes, whose header announces another length, are the frame with this message.
    /// `cut` says that there may be more bytes than these.
    pub(crate) fn near_to_message(&self, message: &[u8], bytes: &[u8], cut: bool) -> Option<Self> {
        let behind = bytes.len() - self.header_len()?;
        let fits = |near: &Self| {
            near.encode(message).is_ok_and(|frame| if cut { frame.starts_with(bytes) } else { frame == bytes })
        };
        self.near().into_iter().map(|near| self.but(near)).find(fits).or_else(|| {
            let Kind::Announced(Announced::Length(length)) = self.kind() else { return None };
            let announced = length.header(bytes, self.longest()).ok()??.rest;
            let adjustment = length.adjustment + i64::try_from(behind).ok()? - i64::try_from(announced).ok()?;
            let near = self.but(Announced::Length(Length { adjustment, ..*length }));
            Some(near).filter(|near| !cut && i32::try_from(adjustment).is_ok() && behind > 0 && fits(near))
        })
    }

    /// Returns how frames would tell their length that differ from these in where it is, in its byte order, or in what it counts: the nearest
    /// first.
    fn near(&self) -> Vec<Announced> {
        match self.kind() {
            Kind::Announced(Announced::Length(length)) => near_lengths(*length).map(Announced::Length).collect(),
            Kind::Announced(Announced::Varint(Varint { offset, max_width })) => {
                let offset = if *offset == 0 { 1 } else { 0 };
                Vec::from([Announced::Varint(Varint { offset, max_width: *max_width })])
            }
            Kind::Announced(Announced::Fixed(_)) | Kind::Scanned(_) => Vec::new(),
        }
    }

    /// Returns the framing whose frames tell their length in another way.
    fn but(&self, announced: Announced) -> Self {
        Self::new(Kind::Announced(announced), self.longest())
    }
}

fn near_lengths(own: Length) -> impl Iterator<Item = Length> {
    let orders = [own.little_endian, !own.little_endian];
    let places = [Some(own.offset), (own.offset > 0).then_some(0)].into_iter().flatten();
    let near = places.flat_map(move |offset| {
        orders.into_iter().flat_map(move |little_endian| {
            let counted = [own.adjustment, 0, -(own.width as i64), -((offset + own.width) as i64)];
            counted.into_iter().map(move |adjustment| Length { offset, little_endian, adjustment, ..own })
        })
    });
    near.filter(move |near| *near != own)
}
