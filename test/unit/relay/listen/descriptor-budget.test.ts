import { expect, test } from "bun:test";
import { openFilesMax } from "../../../../src/os/open-files-limit.ts";
import {
  CONNECTIONS_MOST,
  connectionsForFiles,
  connectionsMaxDefault,
  descriptorsNeeded,
  workersCarried,
} from "../../../../src/relay/listen/descriptor-budget.ts";
import { SharedClientCounts } from "../../../../src/workers/shared-client-counts.ts";

// The limit of containers of Docker with `infinity`, and a system whose limit is unknown.
test.each([1_073_741_816, Infinity])("the clients of %d files can be counted", (files) => {
  const connections = connectionsForFiles(files, 2);
  expect(SharedClientCounts.bufferFor(2, connections / 2).byteLength).toBeGreaterThan(0);
});

// Below 512 files for each thread, a thread may have fewer kernel pipes than `descriptorsNeeded`
// counts. From 8,000,000 files on, `CONNECTIONS_MOST` is the limit.
const hasUsualFiles = (workers: number) =>
  openFilesMax() >= Math.max(4_096, 512 * workers) && openFilesMax() < 2 * CONNECTIONS_MOST;

test.each([1, 2, 8, 64].filter(hasUsualFiles))(
  "what is carried by default needs no more than there is: %i threads",
  (workers) => {
    const most = connectionsMaxDefault(workers);
    expect(descriptorsNeeded(most, workers)).toBeLessThanOrEqual(openFilesMax());
    expect(descriptorsNeeded(most + 1, workers)).toBeGreaterThan(openFilesMax());
  },
);

// As a limit of 128 files is on a machine with 8 processors.
const ONE_PROCESSOR_OF_SIX_FILES = Math.floor(openFilesMax() / 6);

test.skipIf(!Number.isFinite(openFilesMax()))(
  "as many workers run as have a connection each, and the others take no descriptor",
  () => {
    const workers = workersCarried(ONE_PROCESSOR_OF_SIX_FILES, () => 0);
    expect(workers).toBeWithin(2, ONE_PROCESSOR_OF_SIX_FILES);
    expect(connectionsMaxDefault(workers)).toBeGreaterThanOrEqual(workers);
    expect(connectionsMaxDefault(workers + 1)).toBeLessThan(workers + 1);
    expect(workersCarried(workers, () => 0)).toBe(workers);
    expect(workersCarried(workers, () => openFilesMax())).toBe(1);
  },
);
