#!/bin/bash
# title: Windows
# description: Single windows on your own desktop, beginning with a terminal.
# icon: windows
exec xpra seamless --bind-tcp="0.0.0.0:${SRC_PORT}" ${SSL_OPTIONS} \
  --start=startup-terminal --start-new-commands=yes \
  --clipboard=yes --clipboard-direction=both --file-transfer=no --open-files=no --printing=no --webcam=no
