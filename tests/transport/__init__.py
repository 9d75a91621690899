"""Transport and conversations, over real sockets: both ends in one loop whose clock the test moves."""
