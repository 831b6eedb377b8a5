-- Rows of a service that was used for long, made from the table `plan` (benchmarks/stored_scans.py), each step by its name.

-- step: studies
INSERT INTO studies (id, batch_id, project, kind, filename, created_at)
SELECT overlay(batch_id::text placing lpad(to_hex(volume + 1), 4, '0') from 33)::uuid, batch_id, project, 'nifti',
    'head-' || volume || '.nii.gz', created_at
FROM plan, generate_series(0, scans / 100 - 1) volume
WHERE volumes;

-- step: draws
-- Ids are UUIDv7 of the batch's time, 250 of them a millisecond.
CREATE UNLOGGED TABLE drawn AS
SELECT (lpad(to_hex((extract(epoch FROM plan.created_at) * 1000)::bigint + n / 250 + 1), 12, '0')
        || '7' || lpad(to_hex(n % 250 + 1), 3, '0') || '8' || substr(md5(plan.batch_id::text || n), 1, 15))::uuid AS id,
    plan.*, n, random() AS r_state, random() AS r_label, random() AS r_confidence, random() AS r_odd,
    random() AS r_correction
FROM plan, generate_series(0, plan.scans - 1) n;

-- step: scans
INSERT INTO scans (id, batch_id, project, filename, frame, upload_key, size_bytes, sha256, study_id, slice_index,
    state, code, message, fence, dispatched_at, created_at, started_at, ended_at)
SELECT id, batch_id, project,
    CASE WHEN volumes THEN 'head-' || n / 100 || '.nii.gz'
        WHEN n % 3 = 0 THEN 'scan (' || (n * 7919) % (scans / 2) || ').jpg'
        ELSE 'patient-' || lpad((n * 104729 % scans / 40)::text, 4, '0')
            || '/axial-' || lpad((n % 40)::text, 3, '0') || '.png' END,
    CASE WHEN volumes THEN n % 100 ELSE 0 END,
    'uploads/' || batch_id || '/' || n, 40000,
    CASE WHEN r_odd > 0.98 THEN md5(n::text) ELSE md5(id::text) END || md5(n::text),
    CASE WHEN volumes THEN overlay(batch_id::text placing lpad(to_hex(n / 100 + 1), 4, '0') from 33)::uuid END,
    CASE WHEN volumes THEN n % 100 END,
    state,
    CASE state WHEN 'failed' THEN 'timed_out' WHEN 'rejected' THEN
        CASE n % 3 WHEN 0 THEN 'not_an_image' WHEN 1 THEN 'truncated_image' ELSE 'not_a_brain_mri' END END,
    CASE WHEN state IN ('rejected', 'failed') THEN 'Why it has no result, in a sentence or two.' END,
    CASE WHEN state = 'queued' THEN 0 ELSE 1 END,
    CASE WHEN state <> 'queued' THEN created_at END,
    created_at,
    CASE WHEN state <> 'queued' THEN created_at + n / 32 * interval '0.15 s' END,
    CASE WHEN state <> 'queued' THEN created_at + (n / 32 + 1) * interval '0.15 s' END
FROM (
    SELECT *, CASE WHEN running THEN 'queued' WHEN r_state < 0.002 THEN 'failed' WHEN r_state < 0.032 THEN 'rejected'
        WHEN r_state < 0.035 AND scans = 1000 THEN 'cancelled' ELSE 'succeeded' END AS state
    FROM drawn
) d
ORDER BY id;

-- step: predictions
INSERT INTO predictions (scan_id, batch_id, project, model, label, probabilities, confidence, needs_review,
    review_reasons, heatmap_path, grid_path, overlay_path, focus_x, focus_y, frame_x, frame_y, frame_side, width, height,
    timings, created_at)
SELECT id, batch_id, project, 'cnn-stripped-1', label,
    json_build_object('glioma', round(confidence, 4), 'meningioma', round((1 - confidence) * 0.6, 4),
        'pituitary', round((1 - confidence) * 0.3, 4), 'notumor', round((1 - confidence) * 0.1, 4)),
    confidence, confidence < 0.545 OR odd,
    CASE WHEN odd THEN '["unlike_training_data"]' WHEN confidence < 0.545 THEN '["low_confidence"]' ELSE '[]' END::json,
    artifact || '.heatmap.png', artifact || '.grid.npy', artifact || '.overlay.jpg',
    131, 88, 0.5, 3.5, 511.0, 512, 512,
    '{"decode": 1.42, "preprocess": 2.31, "predict": 4.02, "explain": 0.11, "render": 6.27}', ended_at
FROM (
    SELECT id, s.batch_id, s.project, s.ended_at, 'artifacts/' || s.batch_id || '/' || id || '.1' AS artifact,
        CASE WHEN r_label < 0.33 THEN 'notumor' WHEN r_label < 0.6 THEN 'glioma' WHEN r_label < 0.82 THEN 'meningioma'
            ELSE 'pituitary' END AS label,
        (1 - 0.65 * power(r_confidence, 4))::numeric AS confidence, r_odd < 0.01 AS odd
    FROM drawn JOIN scans s USING (id)
    WHERE s.state = 'succeeded'
) d
ORDER BY id;

-- step: attempts
INSERT INTO attempts (scan_id, fence, worker, chunk_scans, started_at, ended_at, outcome, reason)
SELECT id, 1, 'worker-1@reader:4711', 32, started_at, ended_at, state, code FROM scans
WHERE state <> 'queued'
ORDER BY id;

-- step: events
INSERT INTO events (batch_id, number, scan_id, state, at)
SELECT s.batch_id, d.n + 1, s.id, s.state, s.ended_at FROM scans s JOIN drawn d USING (id)
WHERE s.state <> 'queued'
ORDER BY 1, 2;

-- step: corrections
-- Beside one result of two hundred; a fifth of them said twice, and some of these taken back.
INSERT INTO corrections (scan_id, number, label, note, actor, created_at)
SELECT id, number, CASE WHEN number = 2 AND r_correction < 0.0002 THEN NULL ELSE 'glioma' END,
    CASE WHEN number = 1 THEN 'Seen by a reader.' END, 'local', p.created_at + number * interval '1 day'
FROM drawn JOIN predictions p ON p.scan_id = id, generate_series(1, 2) number
WHERE r_correction < 0.005 AND (number = 1 OR r_correction < 0.001);

-- step: ids of batches
UPDATE batches SET first_scan_id = d.first, last_scan_id = d.last
FROM (
    SELECT DISTINCT batch_id, first_value(id) OVER w AS first, last_value(id) OVER w AS last FROM drawn
    WINDOW w AS (PARTITION BY batch_id ORDER BY id RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
) d
WHERE batches.id = d.batch_id;

-- step: clean up
DROP TABLE drawn, plan;
