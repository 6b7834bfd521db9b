"""Golden cases for decoding: what ffmpeg makes of one small file of each kind.

Run `python reference/audio/decode.py` with ffmpeg and lame installed, and the versions of
`reference/requirements.lock`. Expected are the number of samples, and the mean of the channels of every
`thinned`th; the files are written by lame, ffmpeg, or as bytes here.
"""

import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from cases import GOLDEN, chirp, noise, tone
from safetensors.numpy import load_file, save_file

THINNED = 16
RATE = 16000
# Loud noise, then a tone that a variable bit rate spends little on: a length guessed from the first
# frames is half of the true one.
LOUD_THEN_TONE = np.concatenate([noise(1, 12800, 0.2), tone(440, 19200, level=0.25)])
SWEEP = chirp(8000)
STEREO = np.stack([SWEEP, tone(330, 8000, level=0.3)], axis=1)


def pcm(samples):
    """As 16 bits, interleaved."""
    return (np.clip(samples, -1, 32767 / 32768) * 32768).round().astype("<i2").tobytes()


def wav(samples, rate=RATE):
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    data = pcm(samples)
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    body = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def run(*command, **kwargs):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, **kwargs)


def lame(samples, *options):
    """As lame writes it; to a file, since it goes back to fill in the first frame."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "a.mp3"
        run("lame", "--quiet", *options, "-", made, input=wav(samples))
        return made.read_bytes()


def ffmpeg(samples, name, *options):
    """As ffmpeg writes a file of that name; without its version, so that the bytes stay."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "source.wav", Path(folder) / name
        source.write_bytes(wav(samples))
        plain = ["-fflags", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1"]
        run("ffmpeg", "-y", "-loglevel", "error", "-i", source, *options, *plain, made)
        return made.read_bytes()


def joined():
    """A file behind another, whose first frame says how long the other is."""
    half = LOUD_THEN_TONE[6400:16000]
    return lame(half, "-V", "4") + lame(half, "-V", "4", "-t")


def odd_cue_sheet():
    """A cue sheet with a track of number 0 and a lead-in without a disc, which the format forbids."""
    file = ffmpeg(SWEEP, "a.flac")

    def track(start, number):
        index = struct.pack(">QB3x", 0, 1)
        return struct.pack(">QB12xB13xB", start, number, 0, 1) + index

    sheet = bytes(128) + struct.pack(">QB258xB", 88200, 0, 2) + track(0, 0) + track(8000, 170)
    # Behind the marker and the first block of 34 bytes.
    return file[:42] + b"\x05" + len(sheet).to_bytes(3, "big") + sheet + file[42:]


def extensible(tag, samples, *options):
    """The samples of ffmpeg's file, under a header of `WAVE_FORMAT_EXTENSIBLE`."""
    data = ffmpeg(samples, "a.wav", *options)
    data = data[data.index(b"data") + 8 :]
    guid = struct.pack("<I", tag) + bytes.fromhex("000010008000 00aa00389b71".replace(" ", ""))
    form = struct.pack("<IHHIIHHHHI", 40, 0xFFFE, 1, RATE, RATE, 1, 8, 22, 8, 4) + guid
    body = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


CASES = {
    "mp3_variable_without_xing": ("a.mp3", lambda: lame(LOUD_THEN_TONE, "-V", "2", "-t")),
    "mp3_constant_without_xing": ("a.mp3", lambda: lame(SWEEP, "-b", "32", "-t")),
    "mp3_variable_with_xing": ("a.mp3", lambda: lame(LOUD_THEN_TONE, "-V", "2")),
    "mp3_padded": ("a.mp3", lambda: bytes(512) + lame(SWEEP, "-b", "32", "-t")),
    "aac_adts": ("a.aac", lambda: ffmpeg(SWEEP, "a.aac", "-b:a", "32k")),
    "aac_fragmented_mp4": (
        "a.mp4",
        lambda: ffmpeg(SWEEP, "a.mp4", "-b:a", "32k", "-movflags", "frag_keyframe+empty_moov"),
    ),
    "flac_odd_cue_sheet": ("a.flac", odd_cue_sheet),
    "wav_mu_law": ("a.wav", lambda: ffmpeg(SWEEP, "a.wav", "-c:a", "pcm_mulaw")),
    "wav_mu_law_extensible": ("a.wav", lambda: extensible(7, SWEEP, "-c:a", "pcm_mulaw")),
    "wav_a_law_extensible": ("a.wav", lambda: extensible(6, SWEEP, "-c:a", "pcm_alaw")),
    "wav_adpcm_ima": ("a.wav", lambda: ffmpeg(SWEEP, "a.wav", "-c:a", "adpcm_ima_wav")),
    "wav_adpcm_ms": ("a.wav", lambda: ffmpeg(SWEEP, "a.wav", "-c:a", "adpcm_ms")),
    "aiff": ("a.aiff", lambda: ffmpeg(STEREO[:3000], "a.aiff")),
    "aiff_float": ("a.aifc", lambda: ffmpeg(SWEEP[:3000], "a.aiff", "-c:a", "pcm_f32be")),
    "caf": ("a.caf", lambda: ffmpeg(SWEEP[:3000], "a.caf", "-c:a", "pcm_s16le")),
    "alac_m4a": ("a.m4a", lambda: ffmpeg(STEREO, "a.m4a", "-c:a", "alac")),
    "alac_caf": ("a.caf", lambda: ffmpeg(SWEEP, "a.caf", "-c:a", "alac")),
    "opus_ogg": ("a.opus", lambda: ffmpeg(SWEEP, "a.opus", "-c:a", "libopus", "-b:a", "32k")),
    "opus_ogg_speech": (
        "a.opus",
        lambda: ffmpeg(SWEEP, "a.opus", "-c:a", "libopus", "-b:a", "12k", "-application", "voip"),
    ),
    "opus_ogg_stereo": ("a.ogg", lambda: ffmpeg(STEREO, "a.ogg", "-c:a", "libopus", "-b:a", "48k")),
    "opus_webm": ("a.webm", lambda: ffmpeg(SWEEP, "a.webm", "-c:a", "libopus", "-b:a", "32k")),
    "opus_mp4": ("a.mp4", lambda: ffmpeg(SWEEP, "a.mp4", "-c:a", "libopus", "-b:a", "32k")),
    "vorbis_webm": ("a.webm", lambda: ffmpeg(SWEEP, "a.webm", "-c:a", "libvorbis", "-q:a", "2")),
    "flac_ogg": ("a.ogg", lambda: ffmpeg(SWEEP, "a.ogg", "-c:a", "flac")),
}


def decoded(path):
    """The rate, and the mean of the channels, as ffmpeg decodes a file."""
    about = run("ffprobe", "-loglevel", "error", "-show_streams", "-of", "json", path).stdout
    about = json.loads(about)["streams"][0]
    # ffmpeg's own decoder of Opus is 0.025 from libopus, which is the reference.
    codec = ["-c:a", "libopus"] if path.parent.name.startswith("opus") else []
    command = ["ffmpeg", "-loglevel", "error", *codec, "-i", path, "-f", "f32le", "-c:a", "pcm_f32le", "-"]
    raw = run(*command).stdout
    samples = np.frombuffer(raw, "<f4").reshape(-1, about["channels"])
    if path.parent.name == "opus_mp4":
        # The edit begins behind 104 samples of the track's 16 kHz, of which this version of ffmpeg
        # skips 104 of 48 kHz; and it plays on behind the edit.
        samples = samples[208 : 208 + round(float(about["duration"]) * 48000)]
    return int(about["sample_rate"]), samples.mean(axis=1, dtype=np.float32)


def version(program, *ask):
    return run(program, *ask).stdout.decode().split()[2 if program == "ffmpeg" else 3]


def main():
    wanted = [name for name in sys.argv[1:] if name in CASES] or list(CASES)
    for name in wanted:
        file, make = CASES[name]
        folder = GOLDEN / "audio_decode" / name
        if "--check" in sys.argv:
            rate, samples = decoded(folder / file)
            kept = load_file(folder / "expected.safetensors")["samples"]
            print(f"{name}: {np.abs(kept - samples[::THINNED]).max():.2e}")
            continue
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / file).write_bytes(make())
        rate, samples = decoded(folder / file)
        case = {
            "file": file,
            "sample_rate_hz": rate,
            "num_samples": len(samples),
            "thinned": THINNED,
            "made_with": {"ffmpeg": version("ffmpeg", "-version"), "lame": version("lame", "--version")},
            "script": "reference/audio/decode.py",
        }
        (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
        save_file({"samples": samples[::THINNED].copy()}, folder / "expected.safetensors")
        print(f"{name}: {len(samples)} samples, {(folder / file).stat().st_size} bytes")


main()
