#!/bin/sh
# Makes data/speech.wav: about 40 s of speech, 16 kHz, mono, 16 bits, by four synthetic voices. Needs espeak-ng and python3.
# The text is the beginning of Lewis Carroll, "Alice's Adventures in Wonderland" (1865), which is in the public domain.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
say() { espeak-ng -v "$1" -p "$2" -s "$3" -w "$folder/$4.wav" "$5"; }
say en-us 45 165 1 "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it."
say en-gb+f3 60 160 2 "And what is the use of a book, thought Alice, without pictures or conversations? So she was considering in her own mind, as well as she could, for the hot day made her feel very sleepy and stupid."
say en-us+m3 35 155 3 "Whether the pleasure of making a daisy chain would be worth the trouble of getting up and picking the daisies, when suddenly a white rabbit with pink eyes ran close by her."
say en-gb+f1 70 170 4 "There was nothing so very remarkable in that; nor did Alice think it so very much out of the way to hear the rabbit say to itself, oh dear! Oh dear! I shall be late!"
python3 - "$folder" data/speech.wav <<'PY'
import array, sys, wave
folder, target = sys.argv[1:]
joined = array.array("h")
for number in range(1, 5):
    with wave.open(f"{folder}/{number}.wav") as file:
        rate, samples = file.getframerate(), array.array("h", file.readframes(file.getnframes()))
    # To 16 kHz by straight lines between samples: what is lost lies above 8 kHz, and above what the bands look at.
    for at in range(int((len(samples) - 1) * 16000 / rate)):
        place = at * rate / 16000
        left, share = int(place), place % 1
        joined.append(round(samples[left] * (1 - share) + samples[left + 1] * share))
with wave.open(target, "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
    file.writeframes(joined.tobytes())
PY
