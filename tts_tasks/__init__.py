"""The steps of a narration, as plain functions; Prefect enters only in ``tasks`` and ``worker``.

    request, values, errors, settings   what travels, what can go wrong, what can be configured
    files        written whole, and their checksums
    marks, mp3   phonemes inside a text; MP3, frame by frame: what several packages must know
    script/      VALIDATE       source text -> segments -> sentences -> speakable chunks; courses
    catalog/     LOOKUP         keys, objects, journal, index: what has been paid for
    engines/     SYNTHESIZE     the Engine protocol and the engines
    mastering/   POST-PROCESS   trim, pauses, loudness, encoding, captions, tags
    catalog/     REGISTER       objects and events
    casting      who speaks: the facts for the choice, from engines and library
    fallback     what to try when a provider fails
    review       which takes are good enough
    steps        the five steps, bound to one installation
    tasks        the five steps as Prefect tasks: retries, tags, cancelling
    worker       the warm Prefect worker

Imports point one way: flows -> tasks -> steps -> the four packages -> values, errors. The four
packages do not know each other.
"""
