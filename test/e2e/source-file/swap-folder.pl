# swap-folder.pl PARENT CANARY_FOLDER: what an attacker does who owns PARENT, in which a source's
# folder "sub" lies. As fast as it can, it replaces "sub" by a link to CANARY_FOLDER and puts it back.
# Says "ready", ends when its standard input ends, and says how often it did that.
use strict;
use warnings;
use Fcntl;

my ($parent, $canary) = @ARGV;
chdir $parent or die "$parent: $!";
$| = 1;
print "ready\n";
fcntl(STDIN, F_SETFL, O_NONBLOCK);

my $swaps = 0;
for (my $look = 0; ; $look++) {
  if (rename "sub", "moved") {
    symlink $canary, "sub";
    $swaps++;
    # About as long as a start takes from one step to the next.
    select undef, undef, undef, rand 0.0005;
    unlink "sub";
    rename "moved", "sub";
  }
  select undef, undef, undef, rand 0.0005;
  next if $look % 16;
  my $read = sysread STDIN, my $byte, 1;
  last if defined $read && $read == 0;
}
print "$swaps\n";
