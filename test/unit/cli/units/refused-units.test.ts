import { describe, expect, test } from "bun:test";
import { UsageError } from "../../../../src/cli/line/usage-error.ts";
import { read, RUN, TCP } from "./planned-units.ts";

describe("refused, with the reason and the mend:", () => {
  test.each<[string[], string]>([
    [["systemd", TCP], "SOURCE must be an address where a new socket can listen"],
    [["fd:3", TCP], "SOURCE must be an address"],
    [["--no-socket", "systemd", TCP], "SOURCE must be an address"],
    [["127.0.0.1:0", TCP], "SOURCE needs a port"],
    [
      ["./x", TCP],
      `SOURCE is relative, and a unit has no working folder: write ${process.cwd()}/x`,
    ],
    [
      [RUN, "./x"],
      `DESTINATION is relative, and a unit has no working folder: write ${process.cwd()}/x`,
    ],
    [["--admin=./x", RUN, TCP], "--admin is relative"],
    [["/run/a\nb/x", TCP], "SOURCE has a control character"],
    [[TCP, "@a\tb"], "DESTINATION has a control character"],
    [["--no-socket", "/run/x", TCP], "SOURCE: only root can make files in /run; write /run/NAME/"],
    [["--no-socket", "/x", TCP], "SOURCE: only root can make files in /;"],
    [["/run/../run/x/s", TCP], "SOURCE contains .., and systemd ignores such paths"],
    [[TCP, "/run/../x"], "in most settings: write /x"],
    [["--admin=/run/../run/x/s", RUN, TCP], "--admin contains .."],
    [["--user-unit", "%t/a/../s", TCP], "write the path without it"],
    [["--admin=/run/x", RUN, TCP], "--admin: only root can make files in /run"],
    [["--admin=/dev/app/admin", RUN, TCP], "--admin: the service has its own /dev (PrivateDevices"],
    [["--metrics=/dev//m", RUN, TCP], "so the socket cannot be in /dev; use a folder in /run"],
    [["--no-socket", "/dev/app/s", TCP], "SOURCE: the service has its own /dev"],
    [[TCP, "/dev/app/s"], "DESTINATION: the service has its own /dev"],
    [["localhost:80", TCP], "SOURCE: systemd cannot listen on a host name: write 127.0.0.1:PORT"],
    [["/run/a/x ", TCP], "SOURCE ends in a space or a backslash"],
    [["@x\\", TCP], "SOURCE ends in a space or a backslash; a .socket unit cannot"],
    [
      ["--admin=/run/app/admin", RUN, TCP],
      "--admin: systemd removes its folder when the relay stops",
    ],
    [
      ["--metrics=/run/app/metrics", RUN, TCP],
      "but SOURCE is in it; write --metrics=/run/relay-app-metrics/socket",
    ],
    [["--admin=/var/run/app/admin", RUN, TCP], "removes its folder when the relay stops, but SOU"],
    [["--admin=/run/app/admin", "/run/app/sub/s", TCP], "but SOURCE is in it"],
    [
      ["--admin=/run/db/admin", TCP, "/run/db/s"],
      "but DESTINATION is in it; write --admin=/run/relay-127.0.0.1-8080-admin/socket",
    ],
    [
      ["--metrics=/run/db/m-%i", "--name=x@", "@%i", "/run/db/s"],
      "but DESTINATION is in it; write --metrics=/run/x-%i-metrics/socket",
    ],
    [
      ["--user-unit", "--admin=%t/db/admin", TCP, "%t/db/s"],
      "write --admin=%t/relay-127.0.0.1-8080-admin/socket",
    ],
    [
      ["--no-socket", "/run/postgresql/x.sock", "/run/postgresql/.s.PGSQL.5432"],
      "SOURCE: systemd removes its folder when the relay stops, but DESTINATION is in it; use another folder, or leave out --no-socket",
    ],
    [
      ["--no-socket", "--exit-idle-time=5", RUN, TCP],
      "--exit-idle-time does not work with --no-socket",
    ],
    [
      ["--no-socket", "--owner=1", RUN, TCP],
      "--owner: only root can change a file's owner, and the",
    ],
    [["--no-socket", "--directory-mode=0755", "/srv/x/s", TCP], "systemd makes them only below"],
    [["--no-socket", "--owner=1", "--user=2", RUN, TCP], "leave out --no-socket, so that"],
    [
      ["--no-socket", "--group=0", "--admin=/run/a/admin", RUN, TCP],
      "add --admin-mode=0600, or --admin-group=0 to allow it",
    ],
    [["--mode=0660", TCP, RUN], "--mode makes sense only if SOURCE is a Unix socket's path"],
    [["--service=relay-x.service", "--name=relay-x", RUN, TCP], "--name: relay-x.service is the s"],
    [["--name=root", RUN, TCP], "--name: root is a user or group of this system"],
    [["--name=x.service", RUN, TCP], "has a suffix; leave it out, each unit gets its own"],
    [["--name=a/b", RUN, TCP], '"a/b" is not a unit name'],
    [["--name=-x", RUN, TCP], '"-x" is not a unit name'],
    [["--name=a:b", RUN, TCP], '"a:b" is not a unit name'],
    [["--name=x@y", RUN, TCP], '"x@y" is not a unit name'],
    [["--name=x@", RUN, TCP], "SOURCE needs %i, the instance"],
    [
      ["--name=x@", "--admin=/run/a/s", "@%i", TCP],
      "--admin needs %i, because each instance listens on its own address: write --admin=/run/x-%i-admin/socket",
    ],
    [["--name=x@", "--metrics=:9100", "@%i", TCP], "write --metrics=/run/x-%i-metrics/socket"],
    [["--user-unit", "--name=x@", "--admin=@a", "@%i", TCP], "write --admin=%t/x-%i-admin/socket"],
    [["--name=x@", "--service=a", "--metrics=:9100", "@%i", TCP], "--metrics needs %i"],
    [["--name=x@", "--service=a@%i", "--admin=/run/a/s", "@%i", TCP], "--admin needs %i"],
    [
      ["--name=x@", "--no-socket", "/run/x/%i", TCP],
      "SOURCE: all instances share its folder, which systemd removes when one of them stops; put %i",
    ],
    [["--name=x@", "--admin=/run/x/%i", "@%i", TCP], "--admin: all instances share its folder"],
    [["--name=root@", "@%i", TCP], "--name: root is a user or group of this system"],
    [["--service=a@%i", RUN, TCP], "%i works only in a template: add --name=NAME@"],
    [["127.0.0.1:%i", TCP], "%i works only in a template"],
    [["--socket", RUN, TCP], '"--socket" is the default: leave it out'],
    [["--no-socket", "--on-demand=5", RUN, TCP], "--on-demand does not work with --no-socket"],
    [["--on-demand=5min", RUN, TCP], "--on-demand stops a service: add --service"],
    [["--on-demand=0.5", "--service=a", RUN, TCP], "--on-demand: "],
    [["--exit-idle-time=0.5", RUN, TCP], "--exit-idle-time needs at least 1s"],
    [
      ["--exit-idle-time=5", "--on-demand=5", "--service=a", RUN, TCP],
      "leave out --exit-idle-time",
    ],
    [["--supplementary-groups=a b", TCP, RUN], "is not a name or number"],
    [["--user-unit", "--service=a", "%t/x/s", TCP], "--service makes no sense with --user-unit"],
    [["--user-unit", "--user=daemon", "%t/x/s", TCP], "--user makes no sense with --user-unit"],
    [["--user-unit", "--owner=1", "%t/x/s", TCP], "--owner makes no sense with --user-unit"],
    [["--user-unit", "--supplementary-groups=a", "%t/x/s", TCP], "--supplementary-groups makes"],
    [["--user-unit", "127.0.0.1:80", TCP], "only root can listen on a port below 1024"],
    [
      ["--user-unit", "--admin=127.0.0.1:80", "%t/x/s", TCP],
      "--admin makes no sense with --user-unit: only root can listen on a port below 1024",
    ],
    [
      ["--user-unit", "--metrics=:1023", "%t/x/s", TCP],
      "--metrics makes no sense with --user-unit",
    ],
    [["--user-unit", "/run/x/s", TCP], "only root can make files in /run; write %t/NAME/socket"],
    [["%t/x/s", TCP], "SOURCE is relative"],
    [[`--name=${"x".repeat(248)}`, RUN, TCP], "is not a unit name"],
    [["--service=app@", RUN, TCP], '"app@" is not a service; write NAME.service'],
    [["--service=app.socket", RUN, TCP], '"app.socket" is not a service'],
    [["--service=app@.service", RUN, TCP], '"app@.service" is not a service'],
    [["--service=a b.service", RUN, TCP], '"a b.service" is not a service'],
    [["--service=../x.service", RUN, TCP], '"../x.service" is not a service'],
    [["--user=root", RUN, TCP], "--user: a relay does not need root"],
    [["--user=0", RUN, TCP], "--user: a relay does not need root"],
    [["--user=nobody", RUN, TCP], "--user: no service should run as nobody"],
    [["--user=a b", RUN, TCP], '"a b" is not a user\'s name or number'],
    [["--output=/no/such", RUN, TCP], '"/no/such" is not a folder'],
    // Without the name before it, `..` would lead to a folder.
    [["--output=/no-such/..", RUN, TCP], '"/no-such/.." is not a folder'],
    [["--output=/dev/null", RUN, TCP], '"/dev/null" is not a folder'],
    [["--force", RUN, TCP], "--force makes sense only with --output"],
    [["--connect-timeout=5m", RUN, TCP], '--connect-timeout: "5m" is not a time'],
    [["--version", RUN, TCP], "--version is not an option of units"],
    [["--hold", RUN, TCP], "--hold is not an option of units"],
    [[RUN], "DESTINATION is missing"],
    [[RUN, RUN], "DESTINATION is SOURCE"],
    [["--admin=@x", RUN, "@x"], "--admin is DESTINATION"],
  ])("%j", (args, message) => {
    expect(() => read(...args)).toThrow(UsageError);
    expect(() => read(...args)).toThrow(message);
  });
});

describe("taken, although another folder would be refused:", () => {
  test.each<[string, string[]]>([
    ["systemd makes the socket", ["/run/db/x", "/run/db/s"]],
    ["not below /run", ["--no-socket", "--admin=/srv/db/admin", "/srv/db/x", "/srv/db/s"]],
    ["with %i, below one folder", ["--name=x@", "--no-socket", "/run/x/%i/s", TCP]],
    ["with %i, in a folder that stays", ["--name=x@", "--no-socket", "/srv/x/%i", TCP]],
    ["with %i, if systemd makes the socket", ["--name=x@", "/run/x/%i", TCP]],
    ["in /dev/shm", ["--admin=/dev/shm/x/admin", TCP, "/dev/shm/s"]],
    ["in /dev, if systemd makes the socket", ["/dev/app/s", TCP]],
    ["in a folder below the file's", ["--admin=/run/db/relay/admin", TCP, "/run/db/s"]],
    ["in a user's runtime folder", ["--user-unit", "--admin=%t/db/admin", TCP, "/run/db/s"]],
  ])("%s", (_, args) => {
    expect(read(...args).program).toBe("/bin/relay");
  });
});
