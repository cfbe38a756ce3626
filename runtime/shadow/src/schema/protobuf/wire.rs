//! Protobuf on the wire: numbered values.

/// A value, before its type is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::schema) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A text, bytes, or another message.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(in crate::schema) fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong()),
        }
    }

    pub(in crate::schema) fn text(self) -> Result<String, String> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    pub(super) fn varint(self) -> Result<u64, String> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(self.wrong()),
        }
    }

    pub(super) fn integer(self) -> Result<i64, String> {
        self.varint().map(u64::cast_signed)
    }

    pub(super) fn float(self) -> Result<f64, String> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            Self::Fixed32(bits) => Ok(f32::from_bits(bits).into()),
            _ => Err(self.wrong()),
        }
    }

    fn wrong(self) -> String {
        let wire_type = match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32(_) => 5,
        };
        format!("proto: wrong wireType = {wire_type}")
    }
}

/// The fields of a message, in the order in which they stand; nothing after the first error.
pub(in crate::schema) fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), String>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Value<'a>), String> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Varint(varint(rest)?),
        1 => Value::Fixed64(u64::from_le_bytes(array(rest)?)),
        2 => {
            let length = varint(rest)?;
            Value::Bytes(take(rest, usize::try_from(length).unwrap_or(usize::MAX))?)
        }
        5 => Value::Fixed32(u32::from_le_bytes(array(rest)?)),
        other => return Err(format!("proto: illegal wireType {other}")),
    };
    Ok((tag >> 3, value))
}

fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for place in 0..10 {
        let [byte] = array(rest)?;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("proto: integer overflow".into())
}

/// The next numbers of a packed list.
pub(super) fn packed(mut bytes: &[u8]) -> Result<Vec<Value<'_>>, String> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        numbers.push(Value::Varint(varint(&mut bytes)?));
    }
    Ok(numbers)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (taken, after) = rest.split_at_checked(length).ok_or("unexpected EOF")?;
    *rest = after;
    Ok(taken)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (taken, after) = rest.split_first_chunk().ok_or("unexpected EOF")?;
    *rest = after;
    Ok(*taken)
}
