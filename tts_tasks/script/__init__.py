"""VALIDATE: from what the author wrote to what the voice will say.

From a source to segments:
    readers     a file of any kind, by its suffix
    sources     text files as an author saved them: encoding, front matter, YAML
    office      Word, and PowerPoint's speaker notes -> Markdown (archives: is it safe to open?
                word: a document's blocks; escapes: Markdown that gives back what is written)
    timed_text  SubRip and WebVTT -> paragraphs
    markdown    Markdown -> segments: paragraph, heading, list item, table row, code
                (markdown_inline: what a line of it shows; raw_html: the text of HTML in it)
    ssml        a subset of SSML -> segments (interpret: what <say-as> means)
    markup      the author's [pausa 2s] and [voz ...], carried out
    policies    what is done with code, tables and addresses
    segments    all of these, by the kind of markup

From segments to lines:
    sentences   text -> sentences
    chunks      segments -> lines that the engine can speak: written, spoken, pause
    speaker     how one voice reads: the author's marks, the lexicon, the rules
    pins        terms whose reading is settled before the rules run
    hidden      marks, kept whole through all of this
    alignment   the map between what is written and what is said
    pauses      the silence after each kind of text
    validate    a request -> lines, or an InputError

How the author's words are said:
    lexicon       entries, for all providers or by provider (lexicon_file reads them,
                  lexicon_chains follows words inside words, whole_words finds them in a text)
    terms         English terms and acronyms that no lexicon covers (english: is a word English?)

A course:
    course      a folder, or one file of lessons (manifests: what it lists; course_files: the files
                that it names; course_fields: its fields, checked; lessons: each lesson)

normalise   written Portuguese -> speakable Portuguese; composes the families of rules:
    web             URLs, e-mails, handles, IP addresses
    dates           days, months, years
    documents       CPF, CNPJ, CEP, RG, phones
    formulas        powers, variables, hexadecimals, the signs of code
    abbreviations   Dr., p. ex., art., initials (titles and short_forms: their tables)
    programming     C#, versions, options, identifiers (files: file names and paths)
    hours           times of day and durations
    ordinals        1º, 3ª, articles and years of laws
    money           currencies
    units           measures, percentages (measures: their names)
    amounts         ranges, multiples, fractions, plain numbers
    roman           centuries, chapters, rulers
    acronyms        read or spelled
    symbols         said or dropped
on the ground of numbers (number words), agreement (gender; nouns: its tables), letters (their
names), characters (what no voice can say), rules (what a rule is) and tables (how tables are
written).
"""
