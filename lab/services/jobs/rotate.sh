#!/bin/sh
# Rotate this host's own logs if they have grown.
printf '/var/log/health.log {\n size 4k\n rotate 2\n missingok\n compress\n}\n' >/run/health-rotate.conf
logrotate -s /run/health-rotate.state /run/health-rotate.conf
