import { CONNECTION_STATES, type ConnectionView } from "../relay/observer.ts";

/** The figures that change while a connection is open. */
export type Figures = Omit<
  ConnectionView,
  "id" | "openedAt" | "connectedAt" | "destinationAddress" | "clientAddress" | "clientPeer"
>;

/** The length of the array that `encodeFigures` returns. */
export const FIGURES = 8;

/** Encodes a connection's id and figures as numbers. */
export function encodeFigures(id: number, view: Figures): number[] {
  const { bytesUp, bytesDown, heldUp, heldDown, pausesUp, pausesDown, state } = view;
  return [
    id,
    bytesUp,
    bytesDown,
    heldUp,
    heldDown,
    pausesUp,
    pausesDown,
    CONNECTION_STATES.indexOf(state),
  ];
}

/** Decodes the numbers of `encodeFigures`; skips the id, which is the first number. */
export function decodeFigures(numbers: Float64Array): Figures {
  const [, bytesUp = 0, bytesDown = 0, heldUp = 0, heldDown = 0, pausesUp = 0, pausesDown = 0] =
    numbers;
  const state = CONNECTION_STATES[numbers[FIGURES - 1] ?? 0] ?? "connecting";
  return { bytesUp, bytesDown, heldUp, heldDown, pausesUp, pausesDown, state };
}
