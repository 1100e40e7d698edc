import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run, startServer, type PartServer } from "./support.ts";

/** The HTTP server behind `/upstream/`, below the folder that nginx was given. */
export const UPSTREAM_SOCKET = "upstream.sock";

/**
 * Starts nginx on a configuration of its own in `folder`, with these resources:
 *
 * - `/files/NAME`: the files in `folder/files`, and what is put there by PUT
 * - `/small/NAME`: refuses a body over 1 kB with 413 and the page `folder/files/refused`
 * - `/status`: nginx's count of its connections
 * - `/upstream/…`: passed on to the HTTP server at `UPSTREAM_SOCKET`
 */
export async function startNginx(folder: string, owner: AsyncDisposableStack): Promise<PartServer> {
  await mkdir(join(folder, "files"));
  await Bun.write(join(folder, "files", "hello"), "hello\n");
  const pathOf = (port: number) => join(folder, `nginx-${port}.sock`);
  return startServer(
    {
      command: async (port) => {
        const file = join(folder, "nginx.conf");
        await Bun.write(file, configuration(folder, port, pathOf(port)));
        return ["nginx", "-p", folder, "-e", "stderr", "-c", file];
      },
      path: pathOf,
      serves: async ({ path }) => {
        const hello = await run([...CURL, "--unix-socket", path, "http://relay/files/hello"]);
        return hello.stdout === "hello\n";
      },
      stopSignal: "SIGTERM",
      log: join(folder, "nginx.log"),
    },
    owner,
  );
}

/** curl as it is without a user's settings, silent but for errors. */
export const CURL = ["curl", "-q", "--noproxy", "*", "-sS", "--max-time", "60"] as const;

/**
 * The beginning of a configuration: one worker in the foreground, and an `http` block that is still
 * open. Debian's build would put its temporary files below /var/lib. A worker of root's nginx would
 * be `nobody`, who cannot write into the folder.
 */
export function nginxHead(folder: string): string {
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/temporary-body;
  proxy_temp_path ${folder}/temporary-proxy;
  fastcgi_temp_path ${folder}/temporary-fastcgi;
  uwsgi_temp_path ${folder}/temporary-uwsgi;
  scgi_temp_path ${folder}/temporary-scgi;
`;
}

function configuration(folder: string, port: number, path: string): string {
  return `${nginxHead(folder)}  server {
    listen 127.0.0.1:${port};
    listen unix:${path};
    root ${folder};
    location /files/ {
      client_max_body_size 0;
      dav_methods PUT DELETE;
    }
    location /small/ {
      client_max_body_size 1k;
      dav_methods PUT;
      error_page 413 /files/refused;
    }
    location /status {
      stub_status;
    }
    location /upstream/ {
      client_max_body_size 0;
      proxy_pass http://unix:${folder}/${UPSTREAM_SOCKET}:/;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;
}
