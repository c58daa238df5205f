#!/bin/sh
# Runs the proxy's image without a cluster: a fake broker, one real session of a user, and the proxy, on a Docker network.
#
#   rig.sh up NAME [PORT]     NAME prefixes the containers; the proxy answers on https://127.0.0.1:PORT (default: any free one)
#   rig.sh down NAME
#
# Users: xpra-user01 … xpra-user03 with the password "correct-horse", and xpra-expired, whose account has ended.
# Images: VDI_PROXY_IMAGE (127.0.0.1:5000/vdi-proxy), VDI_SESSION_IMAGE (127.0.0.1:5000/vdi-xfce4). The state is below ${VDI_RIG:-/tmp/vdi-rig}/NAME:
# broker/state.json is what the fake broker answers from; an edit holds from the next question on.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
command=$1
name=$2
root=${VDI_RIG:-/tmp/vdi-rig}/$name
proxy_image=${VDI_PROXY_IMAGE:-127.0.0.1:5000/vdi-proxy}
session_image=${VDI_SESSION_IMAGE:-127.0.0.1:5000/vdi-xfce4}

down() {
  # Whatever tests have added to the network as well: it does not go before them.
  docker rm -f "$name-proxy" "$name-broker" "$name-session" $(docker ps -aq --filter "network=$name") >/dev/null 2>&1 || :
  docker network rm "$name" >/dev/null 2>&1 || :
  docker volume rm "$name-run" >/dev/null 2>&1 || :
}

session() {
  # session NAME UID TYPE SECRET: a session's container as a pod would run it.
  mkdir -p -m 1777 "$root/$1/home" "$root/$1/run"
  chmod 1777 "$root/$1/home" "$root/$1/run"
  docker run -d --name "$1" --network "$name" --user "$2:$2" --cap-drop ALL --security-opt no-new-privileges --read-only \
    --tmpfs /tmp:mode=1777,exec -v "$root/$1/home:/home" -v "$root/$1/run:/run/user" --shm-size 256m \
    -v "$root/session-etc/passwd:/etc/passwd:ro" -v "$root/session-etc/group:/etc/group:ro" \
    -v "$root/session_types:/srv/session_types:ro" \
    ${VDI_SESSION_BIN:+-v "$VDI_SESSION_BIN:/srv/bin:ro"} -e PORT=14500 -e SRC_PORT=14500 -e U_UID="$2" -e U_GID="$2" -e U_HOME=/home/xpra-user01 -e USER=xpra-user01 -e HOME=/home/xpra-user01 \
    -e XPRA_MODE=session -e XPRA_SESSION="$3" -e XPRA_POD_DISPLAY="$3" -e XPRA_MHD=NHD -e XPRA_TOPDIR_INT=/srv -e TZ=Etc/UTC \
    -e XPRA_SCREEN=1920x1080 -e XPRA_PASSWORD="$4" -e DNAME="$1" -e NAMESPACE=rig \
    -e VDI_SESSION_SCRIPT="/srv/session_types/default/xpra_startup_$3.sh" "$session_image" /usr/lib/vdi/bin/session-entry >/dev/null
}

address() {
  docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"
}

not_up() {
  echo "the proxy $1; its log:" >&2
  docker logs "$name-proxy" >&2
  exit 1
}

up() {
  port=${1:-}
  down
  rm -rf "$root"
  mkdir -p "$root/ssl" "$root/ticket" "$root/users" "$root/broker" "$root/session-etc"
  cp -R "$here/../../../to_container/session_types" "$root/session_types"
  chmod -R a+rX "$root/session_types"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=localhost" \
    -addext "subjectAltName=DNS:localhost,DNS:$name-proxy,IP:127.0.0.1" -keyout "$root/ssl/server.key" -out "$root/ssl/server.crt" 2>/dev/null
  openssl rand -base64 48 | tr -d '\n' >"$root/ticket/key"
  hash=$(openssl passwd -6 'correct-horse')
  for number in 1 2 3; do
    echo "xpra-user0$number:x:2000$number:2000$number:User 0$number:/home/xpra-user0$number:/bin/bash" >>"$root/users/passwd"
    echo "xpra-user0$number:$hash:20000:0:99999:7:::" >>"$root/users/shadow"
    echo "xpra-user0$number:x:2000$number:" >>"$root/users/group"
  done
  echo "xpra-expired:x:20009:20009:Gone:/home/xpra-expired:/bin/bash" >>"$root/users/passwd"
  echo "xpra-expired:$hash:15000:0:99999:7::15001:" >>"$root/users/shadow"
  echo "xpra-expired:x:20009:" >>"$root/users/group"
  echo "toor:x:0:0:Another root:/root:/bin/bash" >>"$root/users/passwd"
  echo "toor:$hash:20000:0:99999:7:::" >>"$root/users/shadow"
  echo "staff2:x:20100:xpra-user01,xpra-user02" >>"$root/users/group"
  cp "$root/users/passwd" "$root/users/group" "$root/session-etc/"
  docker network create "$name" >/dev/null
  docker volume create "$name-run" >/dev/null
  secret=$(openssl rand -hex 24)
  echo "$secret" >"$root/secret"
  session "$name-session" 20001 "${VDI_SESSION_TYPE:-desktop}" "$secret"
  display="tcp://xpra-user01:$secret@$(address "$name-session"):14500/"
  cat >"$root/broker/state.json" <<EOF
{"sessions": {
  "xpra-user01/desktop": {"display": "$display"},
  "xpra-user01/mhd-desktop": {"display": "$display"},
  "xpra-user01/seamless": {"display": "$display"},
  "xpra-user01/slow": {"display": "$display", "afterSeconds": 15},
  "xpra-user01/very-slow": {"display": "$display", "afterSeconds": 60},
  "xpra-user01/dead": {"display": "tcp://xpra-user01:$secret@127.0.0.1:9/"},
  "xpra-user01/broken": {"error": {"code": 5, "reason": "configuration", "message": "The session types are missing."}},
  "xpra-user02/slow": {"display": "$display", "afterSeconds": 20}
}}
EOF
  # The volume stands for the pod's emptyDir: the broker makes its directory in it, with the pod's supplementary group.
  docker run --rm -v "$name-run:/run/vdi:nocopy" "$proxy_image" sh -c 'chown 65532:65533 /run/vdi && chmod 2775 /run/vdi'
  docker run -d --name "$name-broker" --network none --user 65532:65533 --cap-drop ALL --read-only -v "$name-run:/run/vdi:nocopy" \
    -v "$here/fake_broker.py:/fake_broker.py:ro" -v "$root/broker:/state:ro" "$proxy_image" \
    python3 /fake_broker.py /run/vdi/broker/broker.sock /state/state.json >/dev/null
  start=/usr/lib/vdi/bin/start-proxy
  [ -z "${VDI_ADDON:-}" ] || start=/srv/xpra-addon/start-proxy
  docker run -d --name "$name-proxy" --network "$name" -p "127.0.0.1:${port:-0}:8443" --cap-drop ALL \
    --cap-add SETUID --cap-add SETGID --cap-add KILL --security-opt no-new-privileges --group-add 65533 --read-only \
    --tmpfs /run --tmpfs /tmp -v "$name-run:/run/vdi:ro,nocopy" -v "$root/users:/var/lib/extrausers:ro" -v "$root/ssl:/etc/xpra/ssl:ro" \
    -v "$root/ticket:/etc/xpra/ticket:ro" ${VDI_ADDON:+-v "$VDI_ADDON:/srv/xpra-addon:ro"} ${VDI_RIG_OPTIONS:-} \
    "$proxy_image" "$start" >/dev/null
  deadline=$(($(date +%s) + 120))
  while :; do
    [ -n "$(docker ps -q --filter "name=^$name-proxy$")" ] || not_up "has ended"
    published=$(docker port "$name-proxy" 8443/tcp | head -n 1)
    ! answer=$(curl -sSkf --max-time 5 -o /dev/null "https://$published/healthz" 2>&1) || break
    [ "$(date +%s)" -lt "$deadline" ] || not_up "did not answer within 120 s; last: $answer"
    sleep 0.2
  done
  echo "$published"
}

case $command in
  up) up "${3:-}" ;;
  down) down; rm -rf "$root" ;;
  session) session "$3" "$4" "$5" "$6" && address "$3" ;;
  *) echo "usage: rig.sh up|down NAME [PORT]" >&2; exit 2 ;;
esac
