/**
 * The offset of the field `data` in a struct epoll_event. Only on x86-64 is this struct packed,
 * without a gap before the field (sys/epoll.h).
 */
export const EPOLL_DATA_OFFSET = process.arch === "x64" ? 4 : 8;
/** The size of a struct epoll_event. */
export const EPOLL_EVENT_BYTES = EPOLL_DATA_OFFSET + 8;

/** A struct epoll_event, in the form that epoll_ctl(2) takes. */
export function encodeEpollEvent(events: number, data: bigint): Uint8Array {
  const bytes = new Uint8Array(EPOLL_EVENT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, events, true);
  view.setBigUint64(EPOLL_DATA_OFFSET, data, true);
  return bytes;
}

/** The data of a struct epoll_event. */
export function epollData(event: Uint8Array): bigint {
  return new DataView(event.buffer, event.byteOffset).getBigUint64(EPOLL_DATA_OFFSET, true);
}
