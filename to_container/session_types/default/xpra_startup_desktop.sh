#!/bin/bash
# title: Desktop
# description: A whole desktop with a file manager and a terminal.
# icon: desktop
# Logging out of the desktop ends the session.
exec xpra desktop --bind-tcp="0.0.0.0:${SRC_PORT}" ${SSL_OPTIONS} \
  --start-child=start-session --exit-with-children=yes \
  --clipboard=yes --clipboard-direction=both --file-transfer=no --open-files=no --printing=no --webcam=no --resize-display=yes:1920x1080
