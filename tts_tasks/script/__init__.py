"""VALIDATE: from what the author wrote to what the voice will say.

From a source to segments:
    sources     files as an author saved them: encoding, front matter, YAML
    office      Word, and PowerPoint's speaker notes -> Markdown
    timed_text  SubRip and WebVTT -> paragraphs
    markdown    Markdown -> segments (paragraph, heading, list item, table row, code)
    ssml        a subset of SSML -> segments (interpret: what <say-as> means)
    markup      the author's [pausa 2s] and [voz ...], carried out
    segments    all of these, by the kind of markup

From segments to lines:
    sentences   text -> sentences
    chunks      segments -> lines that the engine can speak: written, spoken, pause
    speaker     how one voice reads: the author's marks, the lexicon, the rules
    hidden      marks, kept whole through all of this
    alignment   the map between what is written and what is said
    pauses      the silence after each kind of text
    lexicon     how the author's words are said (whole_words finds them, terms what it lacks)
    validate    a request -> lines, or an InputError

A course:
    course      a folder or manifest of lessons (course_files finds them, course_fields checks)

normalise   written Portuguese -> speakable Portuguese; composes the families of rules:
    web             URLs, e-mails, handles, IP addresses
    dates           days, months, years
    documents       CPF, CNPJ, CEP, RG, phones
    formulas        powers, variables, hexadecimals, the signs of code
    abbreviations   Dr., p. ex., art., initials
    programming     C#, versions, file names, options, identifiers
    hours           times of day and durations
    ordinals        1º, 3ª, articles and years of laws
    money           currencies
    units           measures, percentages
    amounts         ranges, multiples, fractions, plain numbers
    roman           centuries, chapters, rulers
    acronyms        read or spelled
    symbols         said or dropped
on the ground of numbers (number words), agreement (gender), letters (their names), characters
(what no voice can say), rules (what a rule is) and tables (how tables are written).
"""
