#!/bin/sh
# The operators' status page: load, free space, uptime.
printf 'load %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
df -P / | tail -n 1
