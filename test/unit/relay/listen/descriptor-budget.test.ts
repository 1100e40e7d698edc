import { expect, test } from "bun:test";
import { openFilesMax } from "../../../../src/os/open-files-limit.ts";
import {
  connectionsMaxDefault,
  descriptorsNeeded,
} from "../../../../src/relay/listen/descriptor-budget.ts";

test.skipIf(openFilesMax() < 4_096).each([1, 2, 64])(
  "what is carried by default needs no more than there is: %i threads",
  (workers) => {
    const most = connectionsMaxDefault(workers);
    expect(descriptorsNeeded(most, workers)).toBeLessThanOrEqual(openFilesMax());
    expect(descriptorsNeeded(most + 1, workers)).toBeGreaterThan(openFilesMax());
  },
);
