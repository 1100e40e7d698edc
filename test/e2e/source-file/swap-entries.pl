# swap-entries.pl FOLDER CANARY_FILE CANARY_FOLDER: what an attacker does who owns FOLDER. As fast as it
# can, it replaces each entry that comes up there by a link to a canary or by another user's file
# that it keeps in FOLDER: entries named "precious-*" (files, sockets) and "vault-*" (folders). Says
# "ready" when it looks, ends when its standard input ends, and says how many entries it replaced.
use strict;
use warnings;
use Fcntl;

my ($folder, $file_canary, $folder_canary) = @ARGV;
chdir $folder or die "$folder: $!";
$| = 1;
print "ready\n";
fcntl(STDIN, F_SETFL, O_NONBLOCK);

my $swaps = 0;
# By name: inodes of entries that stay as they are, the own replacements.
my %done;

sub entries {
  opendir my $handle, "." or return ();
  return grep { $_ ne "." && $_ ne ".." && !/^(moved|precious|vault)-/ } readdir $handle;
}

sub inode { return (lstat $_[0])[1] // 0 }

sub keep_one {
  my ($kind, $name) = @_;
  my ($kept) = glob "$kind-*";
  return defined $kept && rename($kept, $name);
}

sub swap {
  my ($name) = @_;
  my $is_folder = -d $name;
  rename $name, "moved-$swaps" or return;
  my $tactic = $swaps++ % ($is_folder ? 3 : 4);
  if ($tactic == 0) { symlink $is_folder ? $folder_canary : $file_canary, $name }
  elsif ($tactic == 1) { keep_one($is_folder ? "vault" : "precious", $name) }
  elsif ($tactic == 2 && $is_folder) { mkdir $name, 0777 }
  # Back after a moment: what was looked at before and what is used after are not the same.
  else { symlink $file_canary, $name; select undef, undef, undef, 0.0002; rename "moved-" . ($swaps - 1), $name }
  $done{$name} = inode($name);
}

for (my $look = 0; ; $look++) {
  for my $name (entries()) {
    my $inode = inode($name);
    swap($name) if $inode && $inode != ($done{$name} // 0);
  }
  next if $look % 64;
  my $read = sysread STDIN, my $byte, 1;
  last if defined $read && $read == 0;
}
print "$swaps\n";
