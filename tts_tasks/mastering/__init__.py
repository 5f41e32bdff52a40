"""POST-PROCESS: from utterances to audio a producer can publish.

profile       targets, trimming, formats: what belongs to the key
assemble      trim, fade, pauses, join: utterances -> one scratch waveform
loudness      ITU-R BS.1770-4 loudness and true peak
limiter       the gain that reaches the target, and a look-ahead true-peak limiter
encode        ffmpeg: waveform -> mp3, flac, wav, and back for measuring
captions      cues -> WebVTT and SubRip
tags          titles, numbers, language into the file
integrity     is every byte of this file audio?
post_process  the step: Spoken -> Mastered
publish       audio, captions and tags under their final names, all or nothing
"""
