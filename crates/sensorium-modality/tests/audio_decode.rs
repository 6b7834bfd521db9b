//! Sound files of every format: what they hold, what is refused, and damage that must do no harm.
//!
//! The files in `media` are 0.2 s of a 1 kHz sine of level 0.5 at 16 kHz, written by ffmpeg 5.1
//! (`-f lavfi -i sine=frequency=1000:sample_rate=16000:duration=0.2,volume=4`) with libmp3lame,
//! libvorbis and its own FLAC and AAC encoders; the FLAC file's padding was taken out. Those of
//! `WRITTEN` are by libsndfile 1.2.2: the same sine at other rates and in more channels, each the
//! same, and sounds of one sample of level 0.5 and of none. `ac3.mp4` and `ac3.mka` are 0.1 s of a sine by
//! ffmpeg, of a codec that is not read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::f64::consts::TAU;
use std::io::Cursor;
use std::time::{Duration, Instant};

use rand::RngExt;
use sensorium_core::Seed;
use sensorium_modality::audio::{
    DecodeError, LastWindow, SoundFormat, SoundWindows, Waveform, WindowsConfig, decode_bytes,
};

const FILES: [(&str, &[u8]); 7] = [
    ("tone.aac", include_bytes!("media/tone.aac")),
    ("tone.flac", include_bytes!("media/tone.flac")),
    ("tone.m4a", include_bytes!("media/tone.m4a")),
    ("tone_faststart.m4a", include_bytes!("media/tone_faststart.m4a")),
    ("tone.mp3", include_bytes!("media/tone.mp3")),
    ("tone_tagged.mp3", include_bytes!("media/tone_tagged.mp3")),
    ("tone.ogg", include_bytes!("media/tone.ogg")),
];

const WRITTEN: [(&str, &[u8]); 8] = [
    ("eight_channels.flac", include_bytes!("media/eight_channels.flac")), // 192 kHz, 0.02 s
    ("eight_channels.ogg", include_bytes!("media/eight_channels.ogg")),   // 8 kHz, 0.2 s
    ("stereo.mp3", include_bytes!("media/stereo.mp3")),                   // 44.1 kHz, 0.2 s
    ("studio.ogg", include_bytes!("media/studio.ogg")),                   // 192 kHz, 0.2 s
    ("one_sample.flac", include_bytes!("media/one_sample.flac")),
    ("one_sample.mp3", include_bytes!("media/one_sample.mp3")),
    ("one_sample.ogg", include_bytes!("media/one_sample.ogg")),
    ("empty.ogg", include_bytes!("media/empty.ogg")),
];

fn file(name: &str) -> &'static [u8] {
    FILES.iter().chain(&WRITTEN).find(|(file, _)| *file == name).unwrap().1
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;

/// A WAV file of interleaved samples that are already bytes.
fn wav(tag: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let frame = channels * bits / 8;
    let length = u32::try_from(data.len()).unwrap();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

fn float_wav(channels: u16, rate: u32, samples: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    wav(FLOAT, 32, channels, rate, &data)
}

/// `level * sin(2 pi hz t)`
fn tone(hz: f64, level: f64, rate: u32, samples: usize) -> Vec<f64> {
    (0..samples).map(|i| level * (TAU * hz * i as f64 / f64::from(rate)).sin()).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a test's tone needs no more than f32")]
fn narrow(samples: &[f64]) -> Vec<f32> {
    samples.iter().map(|&sample| sample as f32).collect()
}

/// The integers of a tone in little-endian bytes; 8 bits are unsigned, as WAV has them.
#[expect(clippy::cast_possible_truncation, reason = "a tone within full scale fits its integers")]
fn integers(samples: &[f64], bits: u32) -> Vec<u8> {
    let full_scale = f64::from(2_u32.pow(bits - 1));
    let bytes_of = |sample: &f64| {
        let whole = (sample * full_scale).round() as i64;
        let shifted = if bits == 8 { whole + 128 } else { whole };
        shifted.to_le_bytes()[..bits as usize / 8].to_vec()
    };
    samples.iter().flat_map(bytes_of).collect()
}

/// The level and frequency of the strongest partial: the projection on a sine, refined in steps.
fn strongest(sound: &Waveform, around_hz: f64) -> (f64, f64) {
    let steps = (-200..=200).map(|step| around_hz + f64::from(step));
    let levels = steps.map(|hz| (level_at(sound, hz), hz));
    levels.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

fn level_at(sound: &Waveform, hz: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (index, &sample) in sound.samples.iter().enumerate() {
        let angle = TAU * hz * index as f64 / f64::from(sound.sample_rate_hz);
        real += f64::from(sample) * angle.cos();
        imaginary += f64::from(sample) * angle.sin();
    }
    2.0 * real.hypot(imaginary) / sound.samples.len() as f64
}

fn decoded(bytes: &[u8]) -> Waveform {
    decode_bytes(bytes, 7.5).unwrap()
}

fn refused(bytes: &[u8]) -> DecodeError {
    decode_bytes(bytes, 7.5).unwrap_err()
}

#[test]
fn integers_and_floats_of_every_width_decode_to_the_same_tone() {
    let tone = tone(1_000.0, 0.5, 16_000, 1_600);
    let narrow_bytes: Vec<u8> = narrow(&tone).iter().flat_map(|v| v.to_le_bytes()).collect();
    let wide_bytes: Vec<u8> = tone.iter().flat_map(|v| v.to_le_bytes()).collect();
    let files = [
        (wav(PCM, 8, 1, 16_000, &integers(&tone, 8)), 1.0 / 128.0),
        (wav(PCM, 16, 1, 16_000, &integers(&tone, 16)), 1.0 / 32_768.0),
        (wav(PCM, 24, 1, 16_000, &integers(&tone, 24)), 1.0 / 8_388_608.0),
        (wav(PCM, 32, 1, 16_000, &integers(&tone, 32)), f32::EPSILON),
        (wav(FLOAT, 32, 1, 16_000, &narrow_bytes), f32::EPSILON),
        (wav(FLOAT, 64, 1, 16_000, &wide_bytes), f32::EPSILON),
    ];
    for (file, step) in files {
        let sound = decoded(&file);
        assert_eq!((sound.samples.len(), sound.sample_rate_hz), (1_600, 16_000));
        for (&got, &expected) in sound.samples.iter().zip(&narrow(&tone)) {
            assert!((got - expected).abs() <= step, "{got} is not {expected} within {step}");
        }
    }
}

#[test]
fn every_format_holds_the_tone_that_was_put_in() {
    for (name, bytes) in FILES {
        let sound = decoded(bytes);
        assert_eq!(sound.sample_rate_hz, 16_000, "{name}");
        // An ADTS stream keeps its delay of 1 024 samples and fills its last frame; in the others
        // the file says what was put in.
        let (length, delay) = match SoundFormat::of(bytes) {
            Some(SoundFormat::Adts) => (5_120, 1_024),
            _ => (3_200, 0),
        };
        assert_eq!(sound.samples.len(), length, "{name}");
        let middle = sound.samples[delay + 400..delay + 2_800].to_vec();
        let middle = Waveform { samples: middle, ..sound };
        let (level, hz) = strongest(&middle, 1_000.0);
        // LAME writes 0.95 of the level on purpose; ffmpeg decodes the same. The other lossy
        // encoders keep it within 2 %.
        let put_in = if name.ends_with("mp3") { 0.475 } else { 0.5 };
        assert!((level - put_in).abs() < 0.01, "{name} has a level of {level}");
        assert!((hz - 1_000.0).abs() <= 1.0, "{name} has a tone of {hz} Hz");
    }
}

#[test]
fn a_lossless_file_is_the_tone_sample_by_sample() {
    let sound = decoded(file("tone.flac"));
    let expected = narrow(&tone(1_000.0, 4.0 * 4_095.0 / 32_768.0, 16_000, 3_200));
    for (index, (&got, &expected)) in sound.samples.iter().zip(&expected).enumerate() {
        // ffmpeg's sine is of 16 bits at a level of 4 095, then made four times louder.
        assert!((got - expected).abs() < 4.0 / 32_768.0, "sample {index}: {got}, not {expected}");
    }
}

#[test]
fn an_m4a_file_plays_the_part_that_was_put_in() {
    let expected = narrow(&tone(1_000.0, 4.0 * 4_095.0 / 32_768.0, 16_000, 3_200));
    for name in ["tone.m4a", "tone_faststart.m4a"] {
        let sound = decoded(file(name));
        // The tone begins and ends at once, so only the middle is as it was put in.
        for (&got, &expected) in sound.samples.iter().zip(&expected).skip(800).take(1_600) {
            assert!((got - expected).abs() < 0.02, "{name}: {got}, not {expected}");
        }
    }
}

/// A whole sound at another rate.
fn resampled(bytes: &[u8], sample_rate_hz: u32) -> Waveform {
    let config = WindowsConfig { sample_rate_hz, last: LastWindow::Padded, ..windows_of(0.5) };
    let mut windows = SoundWindows::open(Cursor::new(bytes), config.check().unwrap()).unwrap();
    windows.next().unwrap().unwrap().waveform
}

fn windows_of(seconds: f64) -> WindowsConfig {
    WindowsConfig { length_seconds: seconds, hop_seconds: seconds, ..WindowsConfig::default() }
}

#[test]
fn the_level_of_a_tone_is_kept_through_decoding_mixing_and_resampling() {
    let samples = tone(1_000.0, 0.5, 48_000, 9_600);
    let both: Vec<f64> = samples.iter().flat_map(|&sample| [sample, sample]).collect();
    let wavs = [
        ("8 bits", wav(PCM, 8, 1, 48_000, &integers(&samples, 8)), 0.5 / 128.0),
        ("24 bits, stereo", wav(PCM, 24, 2, 48_000, &integers(&both, 24)), 1e-6),
        ("float, stereo", float_wav(2, 48_000, &narrow(&both)), 1e-6),
    ];
    let wavs = wavs.iter().map(|(name, bytes, error)| (*name, bytes.as_slice(), 0.5, *error));
    // The sine of ffmpeg is a little lower than it says, and its LAME writes 0.95 of it on purpose.
    // The lossy codecs were measured within 0.004, and Vorbis at 192 kHz within 0.006, the level that
    // libsndfile and soxr give of it.
    let files = [
        ("tone.flac", 0.499_88, 1e-4),
        ("tone.ogg", 0.5, 0.002),
        ("tone.m4a", 0.5, 0.002),
        ("tone.aac", 0.5, 0.002),
        ("tone.mp3", 0.475, 0.002),
        ("stereo.mp3", 0.5, 0.002),
        ("eight_channels.flac", 0.5, 1e-4),
        ("eight_channels.ogg", 0.5, 0.01),
        ("studio.ogg", 0.5, 0.01),
    ];
    let files = files.map(|(name, level, error)| (name, file(name), level, error));
    for (name, bytes, put_in, error) in wavs.chain(files) {
        for rate in [8_000, 16_000, 44_100] {
            let sound = resampled(bytes, rate);
            // 10 ms, whole periods, within the shortest file: 5 to 15 ms; later where there is a delay.
            let start = if name == "tone.aac" { rate / 10 } else { rate / 200 } as usize;
            let middle = sound.samples[start..start + rate as usize / 100].to_vec();
            let level = level_at(&Waveform { samples: middle, ..sound }, 1_000.0);
            assert!((level - put_in).abs() < error, "{name} at {rate} Hz has a level of {level}");
        }
    }
}

#[test]
fn a_sound_of_one_sample_is_read_at_every_rate() {
    let narrow_bytes = 0.5_f32.to_le_bytes();
    let files = [
        wav(PCM, 8, 1, 16_000, &integers(&[0.5], 8)),
        wav(PCM, 16, 1, 16_000, &integers(&[0.5], 16)),
        wav(PCM, 24, 1, 16_000, &integers(&[0.5], 24)),
        wav(PCM, 32, 1, 16_000, &integers(&[0.5], 32)),
        wav(FLOAT, 32, 1, 16_000, &narrow_bytes),
        file("one_sample.flac").to_vec(),
    ];
    for bytes in &files {
        assert_eq!(decoded(bytes).samples, [0.5]);
        for rate in [1_000, 8_000, 44_100, 192_000] {
            let sound = resampled(bytes, rate);
            assert!(sound.samples.iter().all(|sample| sample.is_finite() && sample.abs() <= 0.5));
            assert!(sound.samples[0] > 0.0, "{rate} Hz");
        }
    }
    // A click is the hardest sound for a lossy codec: measured 2e-4 and 0.11 off.
    for (name, error) in [("one_sample.ogg", 0.001), ("one_sample.mp3", 0.2)] {
        let sound = decoded(file(name));
        assert_eq!(sound.samples.len(), 1, "{name}");
        assert!((sound.samples[0] - 0.5).abs() < error, "{name} holds {}", sound.samples[0]);
    }
}

#[test]
fn nan_in_a_long_sound_is_found_where_it_is() {
    let mut samples = vec![0.25; 16_000];
    samples[9_000] = f32::NAN;
    let bytes = float_wav(1, 16_000, &samples);
    let config = windows_of(0.25).check().unwrap();
    let windows: Vec<_> = SoundWindows::open(Cursor::new(bytes), config).unwrap().collect();
    let error = windows.last().unwrap().as_ref().unwrap_err();
    assert!(error.to_string().starts_with("sample 9000 is NaN"), "{error}");
}

#[test]
fn channels_are_mixed_by_their_mean() {
    let sound = decoded(&float_wav(2, 8_000, &[0.5, 0.25, -1.0, 0.0, 0.0, 0.5]));
    assert_eq!(sound.samples, [0.375, -0.5, 0.25]);
    let eight: Vec<f32> = (0..16).map(|index| if index % 8 == 3 { 0.8 } else { 0.0 }).collect();
    let sound = decoded(&float_wav(8, 8_000, &eight));
    assert_eq!(sound.samples, [0.1, 0.1]);
}

#[test]
fn rates_from_telephone_to_studio_are_read_and_others_refused() {
    for rate in [1_000, 8_000, 44_100, 192_000] {
        assert_eq!(decoded(&float_wav(1, rate, &[0.5; 64])).sample_rate_hz, rate);
    }
    for got in [1, 999, 192_001, 4_000_000] {
        assert_eq!(refused(&float_wav(1, got, &[0.5; 64])), DecodeError::SampleRate { got });
    }
}

#[test]
fn silence_and_clipping_stay_as_they_are() {
    assert_eq!(decoded(&wav(PCM, 16, 1, 8_000, &[0; 32])).samples, [0.0; 16]);
    let clipped = decoded(&wav(PCM, 16, 1, 8_000, &[0xff, 0x7f, 0x00, 0x80]));
    assert_eq!(clipped.samples, [32_767.0 / 32_768.0, -1.0]);
    // Floats beyond full scale are kept, as librosa keeps them.
    assert_eq!(decoded(&float_wav(1, 8_000, &[2.5, -3.0])).samples, [2.5, -3.0]);
}

#[test]
fn a_sound_longer_than_the_limit_is_cut_to_it() {
    let file = float_wav(1, 8_000, &vec![0.25; 8_000]);
    assert_eq!(decode_bytes(&file, 0.5).unwrap().samples.len(), 4_000);
    assert_eq!(decode_bytes(&file, 1.0).unwrap().samples.len(), 8_000);
    assert_eq!(decode_bytes(&file, 2.0).unwrap().samples.len(), 8_000);
    // What lies behind the limit is not looked at, so damage there does not matter.
    assert_eq!(decode_bytes(&file[..20_000], 0.5).unwrap().samples.len(), 4_000);
    for (name, bytes) in FILES {
        assert_eq!(decode_bytes(bytes, 0.1).unwrap().samples.len(), 1_600, "{name}");
    }
}

#[test]
fn nan_infinite_and_absurd_samples_are_named_with_their_place() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
        let error = refused(&float_wav(2, 8_000, &[0.0, 0.0, 0.5, bad]));
        let message =
            format!("sample 1 is {bad}, but a finite number of at most 2147483600 was expected");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn what_is_no_sound_is_refused_with_its_first_bytes() {
    assert_eq!(refused(b"").to_string(), "it starts with []");
    assert_eq!(
        refused(b"\x89PNG\r\n\x1a\n").to_string(),
        "it starts with [89, 50, 4e, 47, 0d, 0a, 1a, 0a]"
    );
    assert!(refused(b"<html>").advice().contains("formats read: WAV"));
}

#[test]
fn a_file_without_samples_is_refused() {
    let error = refused(&wav(PCM, 16, 1, 8_000, &[]));
    assert_eq!(error, DecodeError::NoSamples { format: SoundFormat::Wav });
    let error = refused(file("empty.ogg"));
    assert_eq!(error, DecodeError::NoSamples { format: SoundFormat::Ogg });
}

#[test]
fn a_truncated_file_is_said_to_be_truncated() {
    for (name, bytes) in FILES {
        let Some(format) = SoundFormat::of(bytes) else { panic!("{name} is told by its bytes") };
        for cut in [bytes.len() - 1, bytes.len() * 3 / 4, bytes.len() / 2] {
            let result = decode_bytes(&bytes[..cut], 7.5);
            if format == SoundFormat::Mp3 {
                // It states no end: read up to the cut.
                let sound = result.unwrap();
                assert!((500..=3_200).contains(&sound.samples.len()), "{name} cut at {cut}");
            } else {
                let error = result.expect_err(name);
                let is_truncated =
                    matches!(error, DecodeError::Truncated { format: f, .. } if f == format);
                assert!(is_truncated, "{name} cut at {cut}: {error}");
            }
        }
    }
    let error = refused(&file("tone.flac")[..900]);
    assert_eq!(error.to_string(), "the FLAC file is truncated: it ends after 2304 samples");
}

#[test]
fn a_wav_file_that_was_cut_is_read_up_to_the_cut() {
    let whole = float_wav(1, 8_000, &[0.5; 4_000]);
    assert_eq!(decoded(&whole[..44 + 4 * 2_304]).samples.len(), 2_304);
    assert_eq!(decoded(&whole[..44 + 4 * 2_304 + 3]).samples.len(), 2_304);
    let error = refused(&whole[..30]);
    assert_eq!(error.to_string(), "the WAV file is truncated: it ends after 0 samples");
}

#[test]
fn a_wav_file_written_to_a_pipe_ends_where_its_bytes_do() {
    let mut file = float_wav(1, 8_000, &[0.5; 3_000]);
    file[4..8].copy_from_slice(&[0xff; 4]);
    file[40..44].copy_from_slice(&[0xff; 4]);
    assert_eq!(decoded(&file).samples.len(), 3_000);
}

#[test]
fn a_header_that_lies_about_its_size_takes_no_memory() {
    let mut file = float_wav(1, 8_000, &[0.5; 64]);
    file[40..44].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    let sound = decoded(&file);
    assert_eq!(sound.samples.len(), 64);
    assert!(sound.samples.capacity() < 16 * file.len(), "{}", sound.samples.capacity());
}

/// The check sum of a page of Ogg (RFC 3533, 6).
fn ogg_sum(page: &[u8]) -> u32 {
    let shifted = |sum: u32| if sum >> 31 == 1 { (sum << 1) ^ 0x04c1_1db7 } else { sum << 1 };
    page.iter()
        .fold(0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| shifted(sum)))
}

fn ogg_page(kind: u8, number: u32, packets: &[&[u8]]) -> Vec<u8> {
    let lengths = packets.iter().map(|packet| u8::try_from(packet.len()).unwrap());
    let mut page = [b"OggS\0", [kind].as_slice(), &[0; 8], &1_u32.to_le_bytes()].concat();
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.push(u8::try_from(packets.len()).unwrap());
    page.extend(lengths);
    page.extend(packets.concat());
    let sum = ogg_sum(&page).to_le_bytes();
    page[22..26].copy_from_slice(&sum);
    page
}

/// A Vorbis file whose one code book has so many dimensions, and `entries` of one value each.
fn vorbis_with_a_book_of(dimensions: u64, entries: u64) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: u64, count: u32| bits.extend((0..count).map(|bit| value >> bit & 1 == 1));
    // Sync, sizes, unordered and dense, code lengths of 1; then a table of values, type 1.
    for (value, count) in [(0x56_4342, 24), (dimensions, 16), (entries, 24), (0, 2)] {
        put(value, count);
    }
    (0..entries).for_each(|_| put(0, 5));
    for (value, count) in [(1, 4), (0, 32), (0, 32), (0, 4), (0, 1)] {
        put(value, count);
    }
    let book =
        bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, &bit| sum << 1 | u8::from(bit)));
    let setup: Vec<u8> = b"\x05vorbis\0".iter().copied().chain(book).collect();
    let mut head = b"\x01vorbis\0\0\0\0\x01".to_vec();
    head.extend(16_000_u32.to_le_bytes());
    head.extend([0; 12]);
    head.extend([0xb8, 1]);
    let comment = b"\x03vorbis\0\0\0\0\0\0\0\0\x01";
    [ogg_page(2, 0, &[&head]), ogg_page(0, 1, &[comment, &setup])].concat()
}

#[test]
fn a_decoder_that_panics_costs_its_file_alone() {
    for (dimensions, entries) in [(0, 1), (32, 1), (33, 2), (64, 1), (65_535, 3)] {
        let error = refused(&vorbis_with_a_book_of(dimensions, entries));
        assert_eq!(error.expected(), "a whole sound file", "{dimensions}: {error}");
    }
    // The first is the one whose decoder is known to panic.
    let error = refused(&vorbis_with_a_book_of(0, 1)).to_string();
    assert!(error.contains("its decoder gave up: "), "{error}");
    assert_eq!(decoded(file("tone.ogg")).samples.len(), 3_200);
}

#[test]
fn a_place_beyond_every_file_costs_its_file_alone() {
    let whole = golden("aac_fragmented_mp4/a.mp4");
    assert!(decode_bytes(&whole, 7.5).is_ok());
    let fragment = whole.windows(4).position(|name| name == b"tfhd").unwrap();
    for place in [12, 13, 16] {
        let mut damaged = whole.clone();
        damaged[fragment + place..fragment + place + 4].fill(0xff);
        let error = refused(&damaged);
        assert_eq!(error.expected(), "a whole sound file", "{place}: {error}");
    }
}

#[test]
fn channels_that_are_only_claimed_take_no_memory() {
    let mut aiff = golden("aiff_float/a.aifc");
    let common = aiff.windows(4).position(|name| name == b"COMM").unwrap();
    aiff[common + 8..common + 10].fill(0xff);
    assert_eq!(refused(&aiff), DecodeError::Channels { got: 65_535 });
}

#[test]
fn a_codec_that_is_not_read_is_named() {
    let ac3 = include_bytes!("media/ac3.mp4");
    assert_eq!(refused(ac3).to_string(), "the M4A file holds AC-3 sound");
    assert_eq!(refused(ac3).expected(), "a sound in a format read");
    let ac3_in_matroska = include_bytes!("media/ac3.mka");
    assert_eq!(refused(ac3_in_matroska).to_string(), "the WebM file holds AC-3 sound");
    let entry =
        ac3.windows(4).collect::<Vec<_>>().iter().rposition(|name| *name == b"ac-3").unwrap();
    for (name, words) in [
        (b"dtsc", "the M4A file holds DTS sound"),
        (b"samr", "the M4A file holds AMR sound"),
        (b"zzzz", "the M4A file holds sound of the codec `zzzz`, which is not read"),
    ] {
        let mut other = ac3.to_vec();
        other[entry..entry + 4].copy_from_slice(name);
        assert_eq!(refused(&other).to_string(), words);
    }
    let speex = ogg_page(2, 0, &[b"Speex   1.2rc1", b""]);
    assert_eq!(refused(&speex).to_string(), "the Ogg file holds Speex sound");
    assert_eq!(refused(b"#!AMR\n\x3c").to_string(), "it is an AMR file");
    assert!(refused(b"#!AMR\n\x3c").advice().contains("formats read: WAV"));
}

/// A file of a golden case; `reference/audio/decode.py` makes them.
fn golden(file: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/audio_decode/");
    std::fs::read(format!("{folder}{file}")).unwrap()
}

/// Flips, overwrites and cuts, most of them in the head where the structure is.
fn damaged(bytes: &[u8], rng: &mut impl RngExt) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let reach = if rng.random() { bytes.len() } else { bytes.len().min(200) };
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..reach);
        match rng.random_range(0..4) {
            0 => bytes[at] = rng.random(),
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes[at] = 0xff,
            _ => bytes[at] = 0,
        }
    }
    if rng.random_range(0..4) == 0 {
        bytes.truncate(rng.random_range(0..bytes.len()));
    }
    bytes
}

#[test]
fn damaged_files_are_decoded_or_refused_within_bounds() {
    const DAMAGES: u64 = 600;
    const MAX_SECONDS: f64 = 2.0;
    let tone = tone(1_000.0, 0.5, 16_000, 600);
    let stereo: Vec<f64> = tone.iter().flat_map(|&sample| [sample, -sample]).collect();
    let wavs = [
        wav(PCM, 8, 2, 16_000, &integers(&stereo, 8)),
        wav(PCM, 24, 2, 16_000, &integers(&stereo, 24)),
        float_wav(1, 16_000, &narrow(&tone)),
    ];
    let files = FILES.iter().map(|(_, bytes)| *bytes).chain(wavs.iter().map(Vec::as_slice));
    let started = Instant::now();
    for (index, file) in (0_u64..).zip(files) {
        let mut refusals = 0;
        for damage in 0..DAMAGES {
            let bytes = damaged(file, &mut Seed::new(12).at(index).at(damage).rng());
            match decode_bytes(&bytes, MAX_SECONDS) {
                Ok(sound) => {
                    let most = MAX_SECONDS * f64::from(sound.sample_rate_hz);
                    assert!((1.0..=most).contains(&(sound.samples.len() as f64)));
                    assert!(sound.samples.iter().all(|sample| sample.is_finite()));
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty() && !error.advice().is_empty());
                    refusals += 1;
                }
            }
        }
        assert!(refusals > 0, "file {index} survives all damage, so the damage reaches nothing");
    }
    // 6 000 damaged files of 0.2 s took 0.6 s; a decoder that loops would take for ever.
    assert!(started.elapsed() < Duration::from_mins(1));
}
