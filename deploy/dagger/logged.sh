#!/bin/sh
# Runs a command (after the name of its log) with its output in /logs, where another container can read it.
log=$1
shift
exec "$@" >>"/logs/$log.log" 2>&1
