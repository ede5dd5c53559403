#!/bin/sh
# Render a receipt: receipt.sh ORDER USER
number=$(printf '%06d' "$1")
sed -e "s/@ORDER@/$number/" -e "s/@USER@/$2/" /srv/app/receipt.txt
