#!/bin/sh
# What these scripts take for granted, so that they say the same wherever they run. estab drill
# understands it; with packetdrill itself it is executed (in a network namespace of its own).
sysctl -q net.ipv4.tcp_rmem="4096 131072 6291456"
sysctl -q net.ipv4.tcp_wmem="4096 16384 4194304"
sysctl -q net.ipv4.tcp_timestamps=1
sysctl -q net.ipv4.tcp_window_scaling=1
sysctl -q net.ipv4.tcp_sack=1
sysctl -q net.ipv4.tcp_dsack=1
sysctl -q net.ipv4.tcp_ecn=2
sysctl -q net.ipv4.tcp_syncookies=1
sysctl -q net.ipv4.tcp_syn_retries=7
sysctl -q net.ipv4.tcp_synack_retries=5
sysctl -q net.ipv4.tcp_retries2=15
sysctl -q net.ipv4.tcp_orphan_retries=8
sysctl -q net.ipv4.tcp_fin_timeout=60
sysctl -q net.ipv4.tcp_rfc1337=1
sysctl -q net.ipv4.tcp_slow_start_after_idle=1
