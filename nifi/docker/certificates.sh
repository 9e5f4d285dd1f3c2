#!/bin/sh
# The CA of this installation, and a certificate for each server and for the registry's admin.
#
# Run again, it keeps what is good for another 30 days, and renews the rest with the same CA.
# $1: the folder of the certificates' folders. CERTIFICATES_OWNER: who may read them (the servers'
# user in the official images).
set -eu
umask 077

password() { # name of the variable, its value
  case $2 in
    *[!A-Za-z0-9]*) echo "$1 must be letters and digits only: see .env.example" >&2; exit 2 ;;
  esac
  if [ "${#2}" -lt 12 ]; then
    echo "$1 must have at least 12 characters: see .env.example" >&2
    exit 2
  fi
}
password NIFI_KEYSTORE_PASSWORD "${NIFI_KEYSTORE_PASSWORD:-}"
password NIFI_REGISTRY_KEYSTORE_PASSWORD "${NIFI_REGISTRY_KEYSTORE_PASSWORD:-}"
password NIFI_REGISTRY_ADMIN_PASSWORD "${NIFI_REGISTRY_ADMIN_PASSWORD:-}"
password TRUSTSTORE_PASSWORD "${TRUSTSTORE_PASSWORD:-}"

root=${1:-/certificates}
owner=${CERTIFICATES_OWNER:-1000:1000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

good() { # certificate
  [ -s "$1" ] && openssl x509 -in "$1" -noout -checkend 2592000 >/dev/null
}

authority() {
  mkdir -p "$root/ca"
  good "$root/ca/ca.crt" && [ -s "$root/ca/ca.key" ] && return
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -days 3650 -noenc \
    -subj "/CN=idemflow CA" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$root/ca/ca.key" -out "$root/ca/ca.crt" 2>/dev/null
  # What an earlier CA signed is worth nothing now.
  rm -f "$root"/*/server.crt "$root"/*/truststore.p12 "$root/admin/admin.crt"
  echo "made the CA"
}

issue() { # folder, file name without ending, common name, subject alternative names
  cat >"$work/extensions" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
END
  [ -z "$4" ] || echo "subjectAltName=$4" >>"$work/extensions"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -noenc -subj "/CN=$3" \
    -keyout "$1/$2.key" -out "$work/request" 2>/dev/null
  openssl x509 -req -in "$work/request" -sha256 -days 825 -extfile "$work/extensions" \
    -CA "$root/ca/ca.crt" -CAkey "$root/ca/ca.key" -CAcreateserial -CAserial "$work/serial" \
    -out "$1/$2.crt" 2>/dev/null
  echo "issued CN=$3"
}

server() { # folder, common name, further names
  folder=$root/$1
  mkdir -p "$folder"
  cp "$root/ca/ca.crt" "$folder/ca.crt"
  good "$folder/server.crt" || {
    rm -f "$folder/keystore.p12"
    issue "$folder" server "$2" "DNS:$2,DNS:localhost,IP:127.0.0.1"
  }
}

keystore() { # folder, file name without ending, name of the password's variable, store
  openssl pkcs12 -export -name "$2" -in "$1/$2.crt" -inkey "$1/$2.key" \
    -certfile "$root/ca/ca.crt" -passout "env:$3" -out "$work/store"
  mv "$work/store" "$4"
}

truststore() { # folder
  rm -f "$1/truststore.p12"
  keytool -importcert -noprompt -alias ca -file "$root/ca/ca.crt" -storetype PKCS12 \
    -storepass:env TRUSTSTORE_PASSWORD -keystore "$1/truststore.p12" 2>/dev/null
}

authority
server elasticsearch elasticsearch
server nifi nifi
server nifi-registry nifi-registry
# Made anew each time: their passwords may have changed in .env.
keystore "$root/nifi" server NIFI_KEYSTORE_PASSWORD "$root/nifi/keystore.p12"
keystore "$root/nifi-registry" server NIFI_REGISTRY_KEYSTORE_PASSWORD \
  "$root/nifi-registry/keystore.p12"
truststore "$root/nifi"
truststore "$root/nifi-registry"

mkdir -p "$root/admin" "$root/nifi-registry-data"
good "$root/admin/admin.crt" || issue "$root/admin" admin admin ""
keystore "$root/admin" admin NIFI_REGISTRY_ADMIN_PASSWORD "$root/admin/admin.p12"

for name in elasticsearch nifi nifi-registry nifi-registry-data; do
  chmod 0700 "$root/$name"
  chown -R "$owner" "$root/$name"
done
echo "the certificates are ready"
