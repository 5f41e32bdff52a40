"""Short forms of Portuguese and what they stand for: tables only.

``abbreviations`` and ``titles`` say them; ``sentences`` does not break after them.
"""

from __future__ import annotations

from tts_tasks.script.tables import pairs, words

ABBREVIATIONS = pairs(
    """
    # titles
    Dr. = doutor
    Drs. = doutores
    Dra. = doutora
    Dras. = doutoras
    Sr. = senhor
    Srs. = senhores
    Sra. = senhora
    Sr(a). = senhor ou senhora
    Dr(a). = doutor ou doutora
    Prof(a). = professor ou professora
    Sr.(a) = senhor ou senhora
    Dr.(a) = doutor ou doutora
    Prof.(a) = professor ou professora
    Sr.ª = senhora
    Srª = senhora
    Dr.ª = doutora
    Drª = doutora
    D.ª = dona
    Sras. = senhoras
    Srta. = senhorita
    Srtas. = senhoritas
    Prof. = professor
    Profs. = professores
    Profa. = professora
    Prof.ª = professora
    Profª = professora
    Profª. = professora
    Profas. = professoras
    Eng. = engenheiro
    Enga. = engenheira
    Eng.ª = engenheira
    Engª = engenheira
    Engª. = engenheira
    Mr. = mister
    Revmo. = reverendíssimo
    Exmos. = excelentíssimos
    Exmas. = excelentíssimas
    Ilmos. = ilustríssimos
    Ilmas. = ilustríssimas
    V. Exas. = Vossas Excelências
    Exmo. = excelentíssimo
    Exma. = excelentíssima
    Ilmo. = ilustríssimo
    Ilma. = ilustríssima
    V. Exa. = Vossa Excelência
    V.Exa. = Vossa Excelência
    V. Exª. = Vossa Excelência
    V. Exª = Vossa Excelência
    V.Exª = Vossa Excelência
    V. Sa. = Vossa Senhoria
    V.Sa. = Vossa Senhoria
    V. Sª. = Vossa Senhoria
    V. Sª = Vossa Senhoria
    V.Sª = Vossa Senhoria
    S. Exa. = Sua Excelência
    Ph.D. = pê agá dê
    M.Sc. = mestre
    Jr. = júnior
    Cel. = coronel
    Gen. = general
    Cap. Ten. = capitão-tenente
    # references
    art. = artigo
    arts. = artigos
    cap. = capítulo
    caps. = capítulos
    pág. = página
    págs. = páginas
    pag. = página
    pp. = páginas
    fl. = folha
    fls. = folhas
    fig. = figura
    figs. = figuras
    tab. = tabela
    tabs. = tabelas
    vol. = volume
    vols. = volumes
    ed. = edição
    ed. física = educação física
    ed. infantil = educação infantil
    rev. = revista
    ampl. = ampliada
    org. = organizador
    séc. = século
    sécs. = séculos
    sec. = século
    inc. = inciso
    seç. = seção
    ref. = referência
    refs. = referências
    n.º = número
    nº = número
    n.° = número
    n° = número
    nº. = número
    nr. = número
    n.os = números
    nºs = números
    núm. = número
    obs. = observação
    eq. = equação
    eqs. = equações
    ex. = exemplo
    p. ex. = por exemplo
    p.ex. = por exemplo
    p. e. = por exemplo
    i.e. = isto é
    i. e. = isto é
    e.g. = por exemplo
    cf. = conforme
    vs. = versus
    vs = versus
    v.g. = por exemplo
    etc. = etcétera
    et al. = et alii
    e ss. = e seguintes
    ca. = cerca de
    cód. = código
    doc. = documento
    docs. = documentos
    tít. = título
    par. = parágrafo
    par. único = parágrafo único
    op. cit. = obra citada
    loc. cit. = local citado
    ibid. = ibidem
    trad. = tradução
    orgs. = organizadores
    coord. = coordenação
    próx. = próximo
    v. tb. = ver também
    N. Sra. = Nossa Senhora
    N. do T. = nota do tradutor
    N. da T. = nota da tradutora
    N. do E. = nota do editor
    N. do A. = nota do autor
    # grammar
    adj. = adjetivo
    adv. = advérbio
    sing. = singular
    pl. = plural
    s.m. = substantivo masculino
    s.f. = substantivo feminino
    # places and companies
    adm. = administração
    univ. = universidade
    av. = avenida
    pç. = praça
    apto. = apartamento
    ap. = apartamento
    depto. = departamento
    dept. = departamento
    dpto. = departamento
    dep. = departamento
    tel. = telefone
    tels. = telefones
    cel. = celular
    end. = endereço
    bl. = bloco
    cj. = conjunto
    qd. = quadra
    lt. = lote
    lj. = loja
    ag. = agência
    sl. = sala
    and. = andar
    Cx. postal = caixa postal
    Ltda. = limitada
    Cia. = companhia
    S.A. = esse a
    S/A = esse a
    Inc. = incorporated
    # amounts and time
    aprox. = aproximadamente
    máx. = máximo
    max. = máximo
    mín. = mínimo
    méd. = média
    qtd. = quantidade
    qtde. = quantidade
    tb. = também
    sem. = semestre
    tri. = trimestre
    trim. = trimestre
    bim. = bimestre
    a.C. = antes de Cristo
    d.C. = depois de Cristo
    a. C. = antes de Cristo
    d. C. = depois de Cristo
    P.S. = pê esse
    Att. = atenciosamente
    E.U.A. = Estados Unidos
    # with a slash
    Sto. = Santo
    Sta. = Santa
    Pça. = praça
    c/ = com
    p/ = para
    s/ = sem
    s/n = sem número
    s/nº = sem número
    s/d = sem data
    a/c = aos cuidados de
    c/c = conta corrente
    w/ = com
    w/o = sem
    e/ou = e ou
    """
)
"""Abbreviation to words. Capitals at the start carry over: "Art. 5º" gives "Artigo quinto"."""

CASE_SENSITIVE = words("Sto. Sta. Cel. cel. Cap. Inc. inc. a.C. d.C. S.A. P.S. Gen. Eng. rev. adv.")
"""Where capital and small letter differ in meaning, or the small one is a common word."""

NEEDS_NUMBER = words(
    """
    ""     ed. cap. caps. tab. tabs. fl. fls. inc. sec. ref. refs. nº n° ap. dep. end. cel. doc.
    docs.     par. max. nr. nº. ca. bl. cj. qd. lt. lj. sl. ag.     ""
    """
)
"""Also words, or ambiguous at the end of a sentence: expanded only before what completes them."""

AFTER_ORDINAL = words("ed. sem. tri. and.")
"""Also words, or ambiguous: expanded after an ordinal, 1º sem."""

COUNTED = pairs(
    """
    p. = página
    pág. = página
    pag. = página
    págs. = página
    fl. = folha
    fls. = folha
    vol. = volume
    vols. = volume
    un. = unidade
    und. = unidade
    unid. = unidade
    cx. = caixa
    cp. = comprimido
    comp. = comprimido
    dz. = dúzia
    pct. = pacote
    pç. = peça
    """
)
"""What is counted, only after a number."""

COUNTED_OR_NUMBERED = words("p. pág. pag. págs. fl. fls. vol. vols.")
"""Of these, what a number that follows makes a place: livro 2, pág. 5."""

WITHOUT_POINT = words("obs ex tel tels qtd qtde máx mín aprox cód ref end")
"""Abbreviations that many write without their point before a colon: Obs: leia."""

BEFORE_NUMBERS = words("pág págs pag fig figs cap caps art arts vol vols séc tab")
"""And before a number: pág 12."""

STREETS = pairs(
    """
    R. = rua
    Al. = alameda
    Trav. = travessa
    Rod. = rodovia
    Lgo. = largo
    Est. = estrada
    Estr. = estrada
    Jd. = jardim
    Vl. = vila
    Pq. = parque
    Bl. = bloco
    Ed. = edifício
    Cond. = condomínio
    Resid. = residencial
    Conj. = conjunto
    """
)
"""Kinds of streets and buildings, only before a name with a capital."""

PUBLISHER_BEFORE = words("a à na da pela")
"""Articles after which Ed. is editora and not edifício."""

EDUCATION = words("Ambiental Artística Básica Especial Financeira Física Infantil Musical Superior")
"""Names before which Ed. is educação."""

OFFICES = pairs(
    """
    Pe. = padre
    Fr. = frei
    Pr. = pastor
    Rev. = reverendo
    Mons. = monsenhor
    Gov. = governador
    Pref. = prefeito
    Pres. = presidente
    Min. = ministro
    Emb. = embaixador
    Des. = desembargador
    Dep. = deputado
    Sen. = senador
    Ver. = vereador
    Mal. = marechal
    Brig. = brigadeiro
    Alm. = almirante
    Maj. = major
    Cap. = capitão
    Ten. = tenente
    Sgt. = sargento
    Cb. = cabo
    Sd. = soldado
    Me. = mestre
    Ms. = mestre
    Ma. = mestra
    Arq. = arquiteto
    Enf. = enfermeiro
    """
)
"""Titles that are one only before a name with a capital; in small letters most are words."""

BODIES = pairs(
    """
    Gov. = governo
    Pref. = prefeitura
    Min. = ministério
    Sec. = secretaria
    Secr. = secretaria
    Dep. = departamento
    """
)
"""What the same letters are before "da Saúde" or "Federal": not a person."""

LEVELS = words("Federal Estadual Municipal")
"""Adjectives of bodies."""

INSTITUTIONS = pairs(
    """
    Assoc. = associação
    Bibl. = biblioteca
    Col. = colégio
    Fac. = faculdade
    Fund. = fundação
    Hosp. = hospital
    Inst. = instituto
    Rep. = república
    """
)
"""Institutions, before their name or what they are of."""

SAINTS = words(
    """
    Paulo Pedro João José Luís Luiz Francisco Sebastião Bernardo Caetano Carlos Gonçalo Vicente
    Lourenço Miguel Tomé Jorge Bento Cristóvão Mateus Marcos Lucas Judas Roque Gabriel Rafael Tiago
    Leopoldo Mamede Joaquim Domingos Félix Simão Raimundo Benedito
    """
)
"""Names after which S. is São, not somebody's initial."""
