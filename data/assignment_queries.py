"""The queries that share pairs out among people, in SQL that both databases understand."""

NUM_ASPECTS = "array_length(string_to_array(aspects, ' '), 1)"
"""How many questions are asked about a pair."""

SERVED = f"""
    served AS (
        SELECT pair_id, prompt_id, study, num_raters, better, asked_again,
            {NUM_ASPECTS} AS num_aspects
        FROM pairs
        WHERE study IS NULL AND round = ?
            OR study IN (SELECT name FROM current_studies WHERE status = 'open'))"""
"""What is asked now: the pairs of a round, and those of studies that are open."""

SEATED = f"""
    answers AS (
        SELECT pair_id, rater_id, choice FROM current_answers
        WHERE kind = ? AND repeats IS NULL),
    held AS (
        SELECT pair_id, rater_id FROM (
            SELECT pair_id, rater_id, until, row_number() OVER (
                PARTITION BY pair_id, rater_id ORDER BY ordinal DESC) AS age
            FROM leases) AS newest
        WHERE age = 1 AND until > ?),
    seated AS (
        SELECT answers.pair_id, rater_id FROM answers
        JOIN pairs ON pairs.pair_id = answers.pair_id
        GROUP BY answers.pair_id, rater_id, aspects
            HAVING count(*) FILTER (WHERE choice = 'skip') = 0
            AND count(*) >= {NUM_ASPECTS}
        UNION SELECT pair_id, rater_id FROM held)"""
"""Who sits where, from the kind of rater and the time: who has answered everything about a pair,
and who was shown it a short while ago. Who skips a question about a pair leaves the pair out: they
give their seat back, and nothing more is asked of them about it."""

TURNS = f"""
    WITH {SERVED}, {SEATED},
    taken AS (
        SELECT pair_id, count(*) AS num FROM seated WHERE rater_id <> ? GROUP BY pair_id),
    mine AS (
        SELECT pair_id, repeats IS NOT NULL AS is_repeat, count(*) AS num, max(ordinal) AS latest,
            count(*) FILTER (WHERE choice = 'skip') AS num_skips
        FROM current_answers WHERE rater_id = ? GROUP BY pair_id, repeats IS NOT NULL),
    seen AS (
        SELECT prompt_id, count(*) AS num FROM mine
        JOIN pairs ON pairs.pair_id = mine.pair_id GROUP BY prompt_id),
    free AS (
        SELECT served.*, false AS is_repeat,
            CASE WHEN mine.num > 0 THEN 0 WHEN held.pair_id IS NOT NULL THEN 2 ELSE 3 END AS rank
        FROM served
        LEFT JOIN taken ON taken.pair_id = served.pair_id
        LEFT JOIN mine ON mine.pair_id = served.pair_id AND NOT mine.is_repeat
        LEFT JOIN held ON held.pair_id = served.pair_id AND held.rater_id = ?
        WHERE coalesce(mine.num, 0) < num_aspects AND coalesce(mine.num_skips, 0) = 0
            AND (coalesce(taken.num, 0) < num_raters OR better IS NOT NULL)),
    due AS (
        SELECT served.*, true AS is_repeat, CASE WHEN again.num > 0 THEN 0 ELSE 1 END AS rank
        FROM served
        JOIN mine ON mine.pair_id = served.pair_id AND NOT mine.is_repeat
        LEFT JOIN mine AS again ON again.pair_id = served.pair_id AND again.is_repeat
        WHERE asked_again AND mine.num = num_aspects AND mine.num_skips = 0
            AND coalesce(again.num, 0) < num_aspects AND coalesce(again.num_skips, 0) = 0
            AND (SELECT count(*) FROM current_answers
                WHERE rater_id = ? AND ordinal > mine.latest) >= ?),
    places AS (
        SELECT *, md5(pair_id || CAST(? AS VARCHAR)) AS place
        FROM (SELECT * FROM free UNION ALL SELECT * FROM due) AS asked),
    turns AS (
        SELECT places.*, coalesce(seen.num, 0)
            + row_number() OVER (PARTITION BY places.prompt_id ORDER BY rank, place) AS turn
        FROM places LEFT JOIN seen ON seen.prompt_id = places.prompt_id)"""
"""What a rater may be asked, and in which order: pairs that they are amidst, then those that are
due for the second time, then those that they hold, then the others; studies before the round."""
