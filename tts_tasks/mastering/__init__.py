"""POST-PROCESS: from utterances to audio a producer can publish.

profile       targets, trimming, formats: what belongs to the key
assemble      high-pass, trim, fade, pauses, join: utterances -> one scratch waveform
loudness      ITU-R BS.1770-4 loudness and true peak
limiter       the gain that reaches the target, and a look-ahead true-peak limiter
encode        ffmpeg: waveform -> file in any format, and back for measuring
quality       what is wrong with a take, measured in its audio alone
speech_time   how long a voice needs for a text
repetition    does a take say something twice?
asr           does a speech recogniser hear the words?
heard         the words that were heard, against those that should have been said
captions      cues -> WebVTT and SubRip
caption_text  sentences -> captions of two lines
caption_times when each caption is shown
transcript    cues -> JSON, Markdown, HTML
picture       the outline of a waveform
tags          titles, numbers, language into the file
integrity     is every byte of this file audio?
mp4, ogg      the files, box by box, page by page (MP3 frame by frame: tts_tasks.mp3)
post_process  the step: Spoken -> Mastered
audiobook     all lessons of a course in one file with chapters
cover         is this a picture that players show?
publish       audio, captions and tags under their final names, all or nothing
"""
