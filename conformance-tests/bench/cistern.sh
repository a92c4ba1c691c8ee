# Cistern, for the benchmark (its README says what such a script does). CISTERN: the launcher.
CISTERN=${CISTERN:-$(dirname "$(readlink -f "$0")")/../../cistern}
export CISTERN_ACCESS_LOG=off
echo "pid $$"
exec "$CISTERN" serve --listen "127.0.0.1:$PORT" --data "$DATA_DIR" \
  ${UPSTREAM_URL:+--upstream "upstream=$UPSTREAM_URL" --default-upstream upstream}
