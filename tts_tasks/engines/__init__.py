"""SYNTHESIZE: the ways to speak.

protocol    what every engine promises
registry    provider name -> engine, imported when asked for
choose      which provider and voice a request gets, and why
espeak      eSpeak NG, embedded: instant, offline, robotic
synthesize  the missing chunks of a plan -> audio, kept one by one
"""
