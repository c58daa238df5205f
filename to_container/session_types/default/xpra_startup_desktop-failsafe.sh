#!/bin/bash
# title: Terminal only
# description: A terminal and nothing else, for when a desktop does not start.
# icon: terminal
# Leaving the terminal ends the session.
exec xpra desktop --bind-tcp="0.0.0.0:${SRC_PORT}" ${SSL_OPTIONS} \
  --start-child="xterm -maximized -fa Monospace -fs 11" --exit-with-children=yes \
  --clipboard=yes --clipboard-direction=both --file-transfer=no --open-files=no --printing=no --webcam=no --resize-display=yes:1280x800
