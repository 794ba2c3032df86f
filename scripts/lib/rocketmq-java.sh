# shellcheck shell=bash disable=SC2034
# Java, the jars of Apache RocketMQ and the programs in scripts/java. Sourced, after `set -euo pipefail`.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
data=$repo/target/rocketmq

# RocketMQ reaches into the JDK (memory-mapped files, netty); Java 17 has to be told that it may.
java_opens=(
  --add-opens java.base/java.lang=ALL-UNNAMED
  --add-opens java.base/java.nio=ALL-UNNAMED
  --add-opens java.base/sun.nio.ch=ALL-UNNAMED
  --add-exports java.base/jdk.internal.misc=ALL-UNNAMED
  --add-exports java.base/jdk.internal.ref=ALL-UNNAMED
  --add-exports java.base/sun.nio.ch=ALL-UNNAMED
)
# RocketMQ 5 looks for the first property, RocketMQ 4 for the other two.
java_logging=(
  "-Drmq.logback.configurationFile=$repo/scripts/lib/logback.xml"
  "-Dlogback.configurationFile=$repo/scripts/lib/logback.xml"
  -Drocketmq.client.logUseSlf4j=true
)

# shellcheck source-path=SCRIPTDIR source=need.sh
source "$repo/scripts/lib/need.sh"

# fetch_jars VERSION: the servers, the client and what they depend on, into $data/lib/VERSION.
fetch_jars() {
  fetch_artifacts "$1" "$1" namesrv broker client tools
}

# fetch_artifacts FOLDER VERSION ARTIFACT...: rocketmq-ARTIFACT and what they depend on, into $data/lib/FOLDER.
fetch_artifacts() {
  local lib=$data/lib/$1 work=$data/lib/.fetch-$1 version=$2 artifact
  shift 2
  [[ -d $lib ]] && return
  need mvn maven
  say "fetching the jars of RocketMQ $version: $*"
  rm -rf "$work"
  mkdir -p "$work"
  {
    echo '<project><modelVersion>4.0.0</modelVersion><packaging>pom</packaging>'
    echo '<groupId>local</groupId><artifactId>servers</artifactId><version>1</version><dependencies>'
    for artifact in "$@"; do
      echo "<dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-$artifact</artifactId><version>$version</version></dependency>"
    done
    echo '</dependencies></project>'
  } >"$work/pom.xml"
  mvn -q -B -Dstyle.color=never -f "$work/pom.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$work/jars" >&2 ||
    die "Maven could not fetch RocketMQ $version: $*"
  mv "$work/jars" "$lib" # whole or not at all
  rm -rf "$work"
}

# compile_tools VERSION: scripts/java into $data/java/VERSION, again when a source is newer.
compile_tools() {
  local out=$data/java/$1 work=$data/java/.compile-$1
  [[ -d $out && -z $(find "$repo/scripts/java" -name '*.java' -newer "$out" -print -quit) ]] && return
  say "compiling scripts/java for RocketMQ $1"
  rm -rf "$work"
  mkdir -p "$work"
  javac -proc:none -encoding UTF-8 -d "$work" -cp "$data/lib/$1/*" "$repo"/scripts/java/*.java >&2 ||
    die "scripts/java does not compile for RocketMQ $1"
  rm -rf "$out"
  mv "$work" "$out"
  touch "$out" # newer than every source, which find asks for
}

# prepare VERSION: everything that a server or a tool of this version needs.
prepare() {
  [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "'$1' is no version; expected something like 5.5.0"
  need java openjdk-17-jdk-headless
  need javac openjdk-17-jdk-headless
  mkdir -p "$data/lib" "$data/java"
  # Tests start things in parallel: the first one fetches and compiles, the others wait for it.
  (
    flock 9
    fetch_jars "$1"
    compile_tools "$1"
  ) 9>"$data/lock"
}
