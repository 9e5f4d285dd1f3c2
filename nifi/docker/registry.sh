#!/bin/sh
# NiFi Registry's start: users and policies live on its volume, and NiFi may act for its users.
# The image's own settings cover the first admin alone. Run again, it changes nothing.
set -eu

: "${NIFI_REGISTRY_HOME:?}" "${NIFI_REGISTRY_DATA:?}" "${NIFI_IDENTITY:?}" "${NIFI_USERNAME:?}"
file=$NIFI_REGISTRY_HOME/conf/authorizers.xml
users='//userGroupProvider[identifier="file-user-group-provider"]'
policies='//accessPolicyProvider[identifier="file-access-policy-provider"]'

# $prev is xmlstarlet's own: the element that it has just added.
# shellcheck disable=SC2016
property() { # provider, name, value
  xmlstarlet ed --inplace -P -d "$1/property[@name=\"$2\"]" \
    -s "$1" -t elem -n property -v "$3" -i '$prev' -t attr -n name -v "$2" "$file"
}

mkdir -p "$NIFI_REGISTRY_DATA"
property "$users" "Users File" "$NIFI_REGISTRY_DATA/users.xml"
property "$users" "Initial User Identity NiFi" "$NIFI_IDENTITY"
property "$users" "Initial User Identity of NiFi's login" "$NIFI_USERNAME"
property "$policies" "Authorizations File" "$NIFI_REGISTRY_DATA/authorizations.xml"
property "$policies" "NiFi Identity 1" "$NIFI_IDENTITY"

# The image's start script is called by a relative path, from NIFI_REGISTRY_HOME.
cd "$NIFI_REGISTRY_HOME"
exec ../scripts/start.sh
