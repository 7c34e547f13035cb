"""HTTP as the kit speaks it: sockets that cancel tokens end, and errors of ours."""
