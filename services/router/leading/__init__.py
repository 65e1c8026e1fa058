"""Who leads: taking the journal's seat, keeping it, and waiting for it while another has it."""
