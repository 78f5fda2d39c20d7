"""The health of training: what is measured, advice before training (doctor), diagnosis, and a coach that acts on it."""
