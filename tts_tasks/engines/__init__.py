"""SYNTHESIZE: the ways to speak.

protocol          what every engine promises
registry          provider name -> engine, imported when asked for
contract          the tests that every engine must pass
choose            which provider and voice a request gets, and why
rank              the comparison behind it: facts in, a verdict on each provider out
espeak            eSpeak NG, embedded: instant, offline, robotic
espeak_library    its C boundary, which also makes phonemes; espeak_text is what it must not get
bark              Bark: neural, with moods, for a GPU: a package of its own
kokoro            Kokoro-82M: neural, on the CPU; its languages and voices in kokoro_voices
kokoro_runtime    its ONNX boundary: one model, one sentence per core
gtts              Google Translate's voice: a request per sentence, retried, at a polite rate
gtts_service      one conversation with it, and what can go wrong there
breaker           a service that keeps failing is left alone; token_bucket and permits keep the rate
phonemes          spoken text -> the symbols that Kokoro knows
models            which files a model has, and whether they are here and right
model_sources     fetching them: model_intake, model_web, model_packages; kokoro_files is the data
model_shelf       every model that can be pulled, Bark's from the hub too
synthesize        the missing chunks of a plan -> audio, kept one by one
"""
