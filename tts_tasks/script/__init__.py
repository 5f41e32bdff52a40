"""VALIDATE: from what the author wrote to what the voice will say.

sources     Markdown and plain text -> segments (paragraph, heading, list item, table row)
sentences   text -> sentences
chunks      segments -> lines that the engine can speak: written, spoken, pause
hidden      phoneme marks, kept whole through all of this
pauses      the silence after each kind of text
course      a folder of lessons: course.yaml or front matter (course_files finds the
            files, course_fields checks the fields)
lexicon     how the author's words are said (whole_words finds them in a text)
validate    a request -> lines, or an InputError

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
