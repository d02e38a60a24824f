-- The refund matrix: for each way a job can end, what of its hold is captured. The one table for it: the end of a job
-- reads it to decide, the wallet and docs/refunds.md to tell, the tests to try each row.
-- captures: delivered (the price of the steps that were delivered, never above the quote) or nothing.
CREATE OR REPLACE FUNCTION refund_matrix()
RETURNS TABLE (cause text, captures text, title text, sentence text) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM (VALUES
    ('delivered', 'delivered', 'Delivered', 'You pay for what was made, never more than the quote.'),
    ('partly_delivered', 'delivered', 'Partly delivered', 'You pay for what was made; the rest came back.'),
    ('canceled_before_start', 'nothing', 'Canceled before it began', 'Everything came back.'),
    ('canceled_while_running', 'delivered', 'Canceled while it ran', 'You pay for what was already made; the rest came back.'),
    ('start_deadline', 'nothing', 'Did not begin in time', 'Everything came back.'),
    ('deadline', 'nothing', 'Took longer than it may', 'Everything came back.'),
    ('timed_out', 'nothing', 'The model did not answer in time', 'Everything came back.'),
    ('provider_failed', 'nothing', 'The model failed', 'Everything came back.'),
    ('no_capacity', 'nothing', 'The model had no capacity', 'Everything came back.'),
    ('invalid_input', 'nothing', 'The model refused the settings', 'Everything came back.'),
    ('our_fault', 'nothing', 'Our mistake', 'Everything came back.'),
    ('outcome_unknown', 'nothing', 'The model''s answer was lost', 'Everything came back.'),
    ('refused_before', 'nothing', 'Refused before it began', 'Nothing was set aside.'),
    ('refused_after', 'nothing', 'Refused by the model or by what it made', 'Everything came back.'),
    ('hold_expired', 'nothing', 'Settled too late by us', 'Everything came back; what was made is yours.')
    ) AS t (cause, captures, title, sentence);
END $$;
