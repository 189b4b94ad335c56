"""Who speaks when in a dialogue, from word timings, RTTM, TextGrids and JSON: one file per format."""
