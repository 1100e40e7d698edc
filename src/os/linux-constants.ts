// Constants of Linux. Each has the same value on x86-64 and on arm64.

// Sockets: linux/socket.h, linux/net.h, asm-generic/socket.h, linux/in.h, linux/in6.h, linux/tcp.h.
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOL_SOCKET = 1;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_PEERCRED = 17;
export const SO_ACCEPTCONN = 30;
export const SO_MEMINFO = 55;
export const SO_PEERGROUPS = 59;
export const SO_NETNS_COOKIE = 71;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const IP_FREEBIND = 15;
export const IPV6_V6ONLY = 26;
export const IPV6_FREEBIND = 78;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_INFO = 11;
export const TCP_SAVE_SYN = 27;
export const TCP_SAVED_SYN = 28;

// The flags of renameat2(2): linux/fs.h.
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;

// The operations of epoll_ctl(2) and the events of epoll(7): linux/eventpoll.h.
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLRDHUP = 0x2000;
export const EPOLLONESHOT = 1 << 30;
