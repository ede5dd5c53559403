#!/bin/sh
# Run once in the new base tree (chroot): accounts, login without a changing login uid, harmless stand-ins for missing tools.
set -e
cd /
# The login uid is the replica's for ever: pam does not try to set one.
sed -i "s/^session.*pam_loginuid.so/#&/" /etc/pam.d/sshd /etc/pam.d/cron /etc/pam.d/login
useradd -u 1201 -m -s /bin/sh batch
useradd -u 1202 -m -s /usr/sbin/nologin monitor
ln -s /opt/packages /srv/debs
mkdir -p /srv/app /var/log/app /var/spool/batch /etc/lab /var/backups
chown www-data:www-data /srv/app
chown batch:batch /var/spool/batch
echo 'www-data ALL=(root) NOPASSWD: /usr/bin/env' > /etc/sudoers.d/app
echo '%sudo ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/people
chmod 440 /etc/sudoers.d/*
rm -f /etc/cron.d/e2scrub_all /etc/nginx/sites-enabled/default /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key -C lab
ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key -C lab
su postgres -s /bin/sh -c 'true'
printf 'host all all 10.77.0.0/16 trust\n' >> /etc/postgresql/15/main/pg_hba.conf
