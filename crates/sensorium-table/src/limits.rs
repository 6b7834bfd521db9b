//! How large a table may be; a file that claims more is refused, whatever its own size.

/// The longest text that one cell may hold, in bytes.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// The longest row of a CSV file and the longest line of a JSON Lines file, in bytes.
///
/// One quotation mark that is never closed would otherwise read the whole file into one cell.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// The text that all cells of a table may hold together, in bytes; embedded media are apart.
pub const MAX_TABLE_TEXT_BYTES: usize = u32::MAX as usize;

/// How much larger in memory than its file a table may be, beyond the first 64 MiB; embedded media
/// are apart.
///
/// In Parquet a value that many rows share is stored once, and a file of some hundred bytes could
/// claim gigabytes. A column of zeros and ones, written in runs, takes some 30 cells a byte; a cell
/// takes 8 bytes in memory.
pub const MAX_TABLE_EXPANSION: u64 = 256;

/// The memory that the cells of a file of `file_bytes` bytes may take, in bytes.
pub(crate) const fn max_table_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_mul(MAX_TABLE_EXPANSION).saturating_add(64 << 20)
}

/// The memory that pages of a Parquet file of `file_bytes` bytes may take while they are decoded, in
/// bytes: those that are decoded at one time, one for each column.
pub(crate) const fn max_page_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_mul(16).saturating_add(64 << 20)
}

/// How much larger than its file a table's embedded media may be, beyond the first GiB.
///
/// In Parquet a picture that many rows share is stored once, and a file of some kilobytes could
/// claim it a million times and fill the disk.
pub const MAX_MEDIA_EXPANSION: u64 = 1_000;

/// How much larger than its file a packed table may be, beyond the first 32 MiB; tables of text are
/// packed to a third or a tenth.
pub const MAX_UNPACKED_EXPANSION: u64 = 50;

/// The bytes that a packed table of `file_bytes` bytes may unpack to.
pub(crate) const fn max_unpacked_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_mul(MAX_UNPACKED_EXPANSION).saturating_add(32 << 20)
}

/// The embedded media of a file of `file_bytes` bytes, in bytes.
pub(crate) const fn max_media_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_mul(MAX_MEDIA_EXPANSION).saturating_add(1 << 30)
}

/// The most columns that a table may have.
pub const MAX_COLUMNS: usize = 10_000;

/// The most rows of a table that may be left out since they cannot be read: each is kept with its
/// reason, and a file of another kind may have nothing else.
pub const MAX_BAD_ROWS: usize = 500_000;

/// The most cells (rows times columns) that a table may have.
///
/// A Parquet file of a few bytes can claim billions of nulls, and every line of a JSON Lines file
/// can name a new column.
pub const MAX_CELLS: usize = 1_000_000_000;
